/**
 * Messages with arguments and plurals: the part of ICU MessageFormat that the page uses.
 *
 * | form | meaning |
 * | --- | --- |
 * | `{name}` | the argument, numbers by the language's rules |
 * | `{count, plural, =0 {…} one {…} other {…}}` | by the language's plural category; `#` is the number |
 */

type Value = string | number;
type Node = string | { name: string } | { name: string; branches: Map<string, Node[]> };

/** The names of a message's arguments, as a type: a call that lacks one does not compile. */
export type ArgumentNames<Text extends string> = Text extends `${string}{${infer Rest}`
  ? (Rest extends `${infer Word}}${string}` ? NameIn<Word> : never) | ArgumentNames<Rest>
  : never;

type NameIn<Word extends string> = Word extends `${infer Name}, plural,${string}`
  ? Name
  : Word extends `${string} ${string}` | `${string}#${string}` | ''
    ? never
    : Word;

/** Writes a message in a language. */
export function formatMessage(text: string, language: string, values: Record<string, Value> = {}): string {
  return write(parseMessage(text), language, values, undefined);
}

const parsed = new Map<string, Node[]>();

/** Reads a message; throws on a malformed one, which the check of messages finds before a user does. */
export function parseMessage(text: string): Node[] {
  let nodes = parsed.get(text);
  if (nodes === undefined) {
    const reader = { text, at: 0 };
    nodes = readNodes(reader, false);
    parsed.set(text, nodes);
  }
  return nodes;
}

/** The names of a message's arguments. */
export function argumentNames(text: string): Set<string> {
  const names = new Set<string>();
  const walk = (nodes: Node[]) => {
    for (const node of nodes) {
      if (typeof node === 'string') continue;
      names.add(node.name);
      if ('branches' in node) for (const branch of node.branches.values()) walk(branch);
    }
  };
  walk(parseMessage(text));
  return names;
}

interface Reader {
  text: string;
  at: number;
}

function readNodes(reader: Reader, nested: boolean): Node[] {
  const nodes: Node[] = [];
  let literal = '';
  const flush = () => {
    if (literal !== '') nodes.push(literal);
    literal = '';
  };
  for (;;) {
    const character = reader.text[reader.at];
    if (character === undefined) {
      if (nested) throw new Error(`a brace is not closed in "${reader.text}"`);
      flush();
      return nodes;
    }
    if (character === '}') {
      if (!nested) throw new Error(`a brace closes nothing in "${reader.text}"`);
      flush();
      return nodes;
    }
    reader.at += 1;
    if (character === '{') {
      flush();
      nodes.push(readArgument(reader));
    } else {
      literal += character;
    }
  }
}

function readArgument(reader: Reader): Node {
  const head = /^\s*([a-z_]+)\s*(\}|,\s*plural\s*,)/.exec(reader.text.slice(reader.at));
  if (head === null) throw new Error(`an argument is malformed in "${reader.text}"`);
  reader.at += head[0].length;
  const name = head[1] ?? '';
  if (head[2] === '}') return { name };
  const branches = new Map<string, Node[]>();
  for (;;) {
    const rest = reader.text.slice(reader.at);
    const end = /^\s*\}/.exec(rest);
    if (end !== null) {
      reader.at += end[0].length;
      if (!branches.has('other')) throw new Error(`a plural lacks "other" in "${reader.text}"`);
      return { name, branches };
    }
    const selector = /^\s*(=\d+|zero|one|two|few|many|other)\s*\{/.exec(rest);
    if (selector === null) throw new Error(`a plural is malformed in "${reader.text}"`);
    reader.at += selector[0].length;
    branches.set(selector[1] ?? '', readNodes(reader, true));
    reader.at += 1;
  }
}

function write(nodes: Node[], language: string, values: Record<string, Value>, count: number | undefined): string {
  return nodes
    .map((node) => {
      if (typeof node === 'string') {
        return count === undefined ? node : node.replaceAll('#', writeValue(count, language));
      }
      const value = values[node.name] ?? '';
      if (!('branches' in node)) return writeValue(value, language);
      const number = Number(value);
      const branch =
        node.branches.get(`=${number}`) ??
        node.branches.get(new Intl.PluralRules(language).select(number)) ??
        node.branches.get('other') ??
        [];
      return write(branch, language, values, number);
    })
    .join('');
}

function writeValue(value: Value, language: string): string {
  return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : value;
}
