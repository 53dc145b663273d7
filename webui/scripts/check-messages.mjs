// Both languages complete, no key unused, no key unknown, the same arguments on both sides.
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'vite';

const page = new URL('../page/', import.meta.url);
const faults = [];

// Vite reads the TypeScript, so that the check sees exactly what the page will.
const vite = await createServer({ configFile: false, root: page.pathname, logLevel: 'error', server: { middlewareMode: true, hmr: false, ws: false }, optimizeDeps: { noDiscovery: true } });
const { fr } = await vite.ssrLoadModule('/language/fr.ts');
const { en } = await vite.ssrLoadModule('/language/en.ts');
const { argumentNames } = await vite.ssrLoadModule('/language/message.ts');
await vite.close();

for (const key of Object.keys(en)) if (!(key in fr)) faults.push(`en.ts has ${key}, fr.ts has not`);
for (const [key, text] of Object.entries(fr)) {
  if (!(key in en)) {
    faults.push(`en.ts lacks ${key}`);
    continue;
  }
  for (const [name, message] of [['fr', text], ['en', en[key]]]) {
    if (message.trim() === '') faults.push(`${name}.ts: ${key} says nothing`);
    // A plural branch of one bare word would look like an argument to the type of `t`.
    if (/\{(?:[^{}\s#]*[^{}\s#a-z_][^{}\s#]*)\}/.test(message)) faults.push(`${name}.ts: ${key} has a plural branch of one word; give it a space or #`);
    if (name === 'fr' && / [:;?!»]|« /.test(message)) faults.push(`fr.ts: ${key} needs a no-break space before its punctuation`);
  }
  try {
    const [here, there] = [argumentNames(text), argumentNames(en[key])].map((names) => [...names].sort().join());
    if (here !== there) faults.push(`${key} takes {${here}} in fr.ts and {${there}} in en.ts`);
  } catch (error) {
    faults.push(`${key}: ${error instanceof Error ? error.message : error}`);
  }
}

const sources = (await readdir(page, { recursive: true }))
  .filter((name) => /\.tsx?$/.test(name) && !/language\/(fr|en)(\.ts$|\/)|\.test\.tsx?$|schema\.d\.ts$/.test(name));
const code = (await Promise.all(sources.map((name) => readFile(new URL(name, page), 'utf8')))).join('\n');
const literals = new Set([...code.matchAll(/'([a-z]+(?:[.-][a-z-]+)+)'/g)].map((match) => match[1]));
// `job.state.${state}` uses every key of that shape; the compiler checks that each exists.
const shapes = [...code.matchAll(/`([a-z]+(?:[.-][a-z-]+)*\.)\$\{[^}]*\}((?:\.[a-z-]+)*)`/g)].map(
  ([, head = '', tail = '']) => new RegExp(`^${head.replaceAll('.', '\\.')}[a-z0-9_-]+${tail.replaceAll('.', '\\.')}$`),
);
for (const key of Object.keys(fr)) {
  if (!literals.has(key) && !shapes.some((shape) => shape.test(key))) faults.push(`${key} is used nowhere`);
}
if (shapes.length === 0) faults.push('no computed keys were found: this check has gone blind');

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
console.log(`messages: ${Object.keys(fr).length} keys, French and English complete`);
