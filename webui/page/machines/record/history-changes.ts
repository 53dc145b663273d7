/** What changed, out of the free-form details of history and audit. Facts in, lines out. */

/** One thing that changed; an empty text where there was nothing. */
export interface Change {
  what: string;
  before: string;
  after: string;
}

const TEXT_MAX = 200;

/** Reads the details of an entry of a record's history: a list of `what`, `before`, `after`; or two objects; or plain values. */
export function readChanges(details: unknown): Change[] {
  if (Array.isArray(details)) {
    return details.flatMap((each) => (isObject(each) ? [{ what: show(each.what), before: show(each.before), after: show(each.after) }] : []));
  }
  if (!isObject(details)) return [];
  if ('before' in details || 'after' in details) return compare(details.before, details.after);
  return compare(undefined, details);
}

/** What differs between two states of a thing. */
export function compare(before: unknown, after: unknown): Change[] {
  const [left, right] = [isObject(before) ? before : {}, isObject(after) ? after : {}];
  const names = [...new Set([...Object.keys(left), ...Object.keys(right)])];
  return names.flatMap((what) => {
    const change = { what, before: show(left[what]), after: show(right[what]) };
    return change.before === change.after ? [] : [change];
  });
}

function show(value: unknown): string {
  if (value === null || value === undefined) return '';
  const text = typeof value === 'string' ? value : Array.isArray(value) ? value.map(show).join(', ') : JSON.stringify(value);
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
