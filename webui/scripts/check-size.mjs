// What a browser fetches before the first page stands: at most 450 kB, gzip. And nothing foreign, nothing inline.
import { readFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';

const LIMIT = 450_000;
const dist = new URL('../dist/', import.meta.url);
const html = await readFile(new URL('index.html', dist), 'utf8');
const faults = [];

const first = [...html.matchAll(/(?:src|href)="\/([^"]+)"/g)].map((match) => match[1] ?? '');
// One language comes with the first page; French is the longer one.
const manifest = JSON.parse(await readFile(new URL('.vite/manifest.json', dist), 'utf8'));
const french = Object.values(manifest).find((chunk) => chunk.src?.endsWith('language/fr.ts'));
if (french === undefined) faults.push('the French words are not a file of their own any more');
else first.push(french.file);

let total = gzipSync(html).length;
for (const name of new Set(first)) {
  const size = gzipSync(await readFile(new URL(name, dist)), { level: 9 }).length;
  console.log(`${String(size).padStart(8)}  ${name}`);
  total += size;
}
console.log(`first load: ${total} bytes gzip of ${LIMIT}`);
if (total > LIMIT) faults.push(`the first load is ${total} bytes, more than ${LIMIT}`);

if (/<script(?![^>]*\bsrc=)[^>]*>|<style|\sstyle=|\son[a-z]+=/i.test(html)) faults.push('index.html has something inline');
for (const chunk of Object.values(manifest)) {
  for (const name of [chunk.file, ...(chunk.css ?? [])]) {
    const text = await readFile(new URL(name, dist), 'utf8');
    if (name.endsWith('.css') && /url\(\s*["']?(https?:|\/\/|data:)/i.test(text)) faults.push(`${name} names a foreign or inline resource`);
    if (name.endsWith('.css') && /@font-face/.test(text)) faults.push(`${name} brings a font`);
  }
}
if (faults.length > 0) {
  console.error([...new Set(faults)].join('\n'));
  process.exit(1);
}
