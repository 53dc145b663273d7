// Every page for everyone: axe finds no violation (WCAG 2.2 AA), in light and in dark, every day.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { openBrowser } from './browser.mjs';
import { walkThrough } from './walk.mjs';

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
  test(`no page has an axe violation in ${colorScheme}`, () =>
    walkThrough(browser, { colorScheme }, async ({ url, world, addJob }, page) => {
      const id = world.machines[1]?.id;
      const job = addJob({ title: 'Essai', machines: world.machines.slice(1, 7).map((machine) => machine.id), steps: [{ kind: 'capture', master: 'Essai', disk: null }] });
      const places = [
        ['/', '.amorce-chart'], ['/machines', 'table'], ['/machines/import', '#import-file'], [`/machines/${id}`, '.amorce-parts'], [`/machines/${id}?tab=boots`, '.amorce-timeline'],
        [`/machines/${id}?tab=history`, '.amorce-timeline'], [`/machines/${id}?tab=menu`, '.amorce-screen'], ['/masters', 'table'], ['/jobs', 'table'], [`/jobs/${job.job.id}`, '.amorce-room'],
        [`/jobs/${job.job.id}/report`, '.amorce-report table'], ['/menus?place=p-s204', '.amorce-screen li'], ['/activity', 'table'], ['/settings', '#unknown-inventory'], ['/settings?tab=appliance', '.pf-v6-c-progress'],
        [`/capture?machine=${id}`, '#capture-master'], [`/restore?machines=${id}&master=Debian+12+salle+info&version=3`, '#restore-count'],
      ];
      const found = [];
      for (const [place = '', ready = ''] of places) {
        await page.goto(url + place);
        await page.locator(ready).first().waitFor();
        await page.waitForFunction(() => document.querySelector('.amorce-loading') === null);
        await page.evaluate(axeSource);
        const violations = await page.evaluate(async () => {
          // @ts-expect-error axe was just put there
          const report = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] });
          return report.violations.map((/** @type {any} */ each) => `${each.id} (${each.nodes[0]?.target.join(' ')})`);
        });
        found.push(...violations.map((/** @type {string} */ each) => `${place}: ${each}`));
      }
      assert.deepEqual(found, []);
    }));
}
