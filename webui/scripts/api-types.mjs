// Writes page/api/schema.d.ts from control/openapi.json; with --check it only says whether that was done.
import { readFile, writeFile } from 'node:fs/promises';
import openapiTS, { astToString } from 'openapi-typescript';

const source = new URL('../../control/openapi.json', import.meta.url);
const target = new URL('../page/api/schema.d.ts', import.meta.url);
const head = '// Generated from control/openapi.json by `npm run api`. Change the API, not this file.\n\n';

const fresh = head + astToString(await openapiTS(source, { alphabetize: true }));
const present = await readFile(target, 'utf8').catch(() => '');
if (fresh === present) {
  console.log('api types: fresh');
} else if (process.argv.includes('--check')) {
  console.error('page/api/schema.d.ts does not follow control/openapi.json; run `npm run api` and commit it');
  process.exit(1);
} else {
  await writeFile(target, fresh);
  console.log('api types: written');
}
