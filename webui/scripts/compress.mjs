// Compresses what was built, once, at build time: the appliance sends these bytes as they are.
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';

const dist = new URL('../dist/', import.meta.url);
// The bundler's own list of files was for the check of sizes; the appliance does not need it.
await rm(new URL('.vite', dist), { recursive: true, force: true });
const files = (await readdir(dist, { recursive: true })).filter((name) => /\.(html|js|css|svg|json|txt)$/.test(name));
await Promise.all(
  files.map(async (name) => {
    const plain = await readFile(new URL(name, dist));
    const br = await promisify(brotliCompress)(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
    const gz = await promisify(gzip)(plain, { level: 9 });
    if (br.length < plain.length) await writeFile(new URL(`${name}.br`, dist), br);
    if (gz.length < plain.length) await writeFile(new URL(`${name}.gz`, dist), gz);
  }),
);
console.log(`compressed: ${files.length} files`);
