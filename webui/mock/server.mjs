// `npm run mock [SCENE]`: a pretended appliance on http://127.0.0.1:4180. Scenes: school, empty, first-run.
import { startAppliance } from './appliance.mjs';

const scene = process.argv[2] ?? 'school';
const appliance = await startAppliance({ port: Number(process.env.PORT ?? 4180), scene });
console.log(`${appliance.url} (${scene})${scene === 'first-run' ? `, first administrator: ${appliance.url}/#code=${appliance.code}` : ', password: correct horse battery'}`);
