// Every screen, French and English, light and dark, wide and phone, against the pretended appliance. Each screen is also
// looked at by axe (WCAG 2.2 AA), for breaches of the content security policy, and for what is wider than the window.
// `npm run screenshots [NAME…]` → screenshots/NAME-fr-light-wide.png …; with `-- --docs` eight of them → docs/screenshots/
import { mkdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { startAppliance } from '../mock/appliance.mjs';
import { openBrowser, watchPage } from './browser.mjs';

const axeSource = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const folder = new URL(process.argv.includes('--docs') ? '../../docs/screenshots/' : '../screenshots/', import.meta.url);
await mkdir(folder, { recursive: true });
const wanted = process.argv.slice(2).filter((word) => word !== '--docs');
/** `--docs`: the eight that docs/ shows, each in one variant, as high as a screen. */
const forDocs = process.argv.includes('--docs')
  ? new Map(Object.entries({ dashboard: 'en-light-wide', machines: 'fr-light-wide', machine: 'en-light-wide', 'machine-boots': 'en-dark-wide', import: 'fr-light-wide', restore: 'en-light-wide', job: 'en-light-wide', menus: 'en-dark-wide' }))
  : null;
/** `VARIANTS=fr-light-wide,en-dark-phone`: only these. */
const variants = process.env.VARIANTS?.split(',');

/** @typedef {Awaited<ReturnType<typeof startAppliance>>} Appliance */
/** @typedef {import('playwright-core').Page} Page */

/** A site in the middle of a morning's work. @param {Appliance} appliance */
function workingSite(appliance) {
  const { world, addJob, changeRow } = appliance;
  const room = world.machines.filter((machine) => machine.label.startsWith('S204'));
  // Two weeks in which people worked.
  for (const [days, count, failed] of [[13, 3, 0], [12, 6, 1], [9, 2, 0], [8, 8, 0], [7, 5, 2], [6, 1, 0], [5, 4, 0], [2, 7, 1], [1, 3, 0]]) {
    const past = addJob({ title: `S204, ${count}`, machines: room.slice(0, count).map((machine) => machine.id), steps: [{ kind: 'restore', master: { name: 'Debian 12 salle info', version: 2 }, disk: null, read_back: 'full' }] });
    past.job.created_at = new Date(Date.now() - (days ?? 0) * 86_400_000).toISOString();
    past.machines.forEach((row, index) => changeRow(past, row, { state: index < (failed ?? 0) ? 'failed' : 'done', step_index: 1 }));
  }
  const old = addJob({ machines: [room[0]?.id ?? ''], steps: [{ kind: 'capture', master: 'Debian 12 salle info', disk: null }, { kind: 'reboot' }] });
  for (const row of old.machines) {
    changeRow(old, row, {
      state: 'done',
      step_index: 2,
      results: [{ version: 3, bytes_disk: 256e9, bytes_used: 31.4e9, bytes_read: 31.4e9, bytes_new: 2.1e9, bytes_stored: 0.9e9, bytes_sent: 0.9e9, bytes_written: 0, bytes_memory: 96_000_000, chunks: 31000, chunks_new: 2100, seconds: 341, notes: [] }],
    });
  }
  const restore = addJob({
    title: 'Rentrée, salle S204',
    machines: room.map((machine) => machine.id),
    steps: [{ kind: 'restore', master: { name: 'Debian 12 salle info', version: 3 }, disk: null, read_back: 'full' }, { kind: 'reboot' }],
  });
  const rows = restore.machines;
  /** @param {number} share */
  const progress = (share) => ({ phase: 'writing', bytes_done: 31.4e9 * share, bytes_total: 31.4e9, bytes_per_second: 104e6, seconds_left: Math.round((31.4e9 * (1 - share)) / 104e6), estimate: { bytes_used: 31.4e9, bytes_written: 31.4e9, bytes_copied: 0, bytes_fetched: 14.2e9 } });
  const [one, two, three, four, five] = rows;
  if (one) changeRow(restore, one, { state: 'done', step_index: 2, results: [{ version: 3, bytes_disk: 256e9, bytes_used: 31.4e9, bytes_read: 31.4e9, bytes_new: 0, bytes_stored: 0, bytes_sent: 14.2e9, bytes_written: 31.4e9, bytes_memory: 96_000_000, chunks: 31000, chunks_new: 0, seconds: 341, notes: ['the backup partition table was moved to the end of the larger disk'] }] });
  if (two) changeRow(restore, two, { state: 'running', progress: progress(0.62) });
  if (three) changeRow(restore, three, { state: 'running', progress: progress(0.13) });
  if (four) changeRow(restore, four, { state: 'failed', has_evidence: true, problem: { code: 'write-failed', title: 'writing 1 MiB at byte 45267025920 of disk sda: Input/output error', remedy: 'replace the disk', status: 0 } });
  if (five) changeRow(restore, five, { state: 'waiting', problem: { code: 'disk-ambiguous', title: 'the machine has two disks and none was named', remedy: 'choose one', status: 0 }, choice: { disks: world.machines.find((machine) => machine.label === 'CDI-accueil')?.facts.disks ?? [] } });
  return { restore, room };
}

/** @type {{ name: string, scene: string, loggedIn?: boolean, path: (appliance: Appliance) => string, ready: string, act?: (page: Page, appliance: Appliance) => Promise<void> }[]} */
const SCREENS = [
  { name: 'first-run', scene: 'first-run', loggedIn: false, path: ({ code }) => `/#code=${code}`, ready: '#first-name' },
  { name: 'login', scene: 'school', loggedIn: false, path: () => '/', ready: '#login-name', act: async (page) => {
    await page.fill('#login-name', 'technicienne');
    await page.fill('#login-password', 'nope');
    await page.press('#login-password', 'Enter');
    await page.waitForSelector('.pf-v6-c-alert');
  } },
  { name: 'machines-empty', scene: 'empty', path: () => '/machines', ready: '.amorce-first-steps .amorce-network' },
  { name: 'machines', scene: 'school', path: () => '/machines', ready: 'table', act: async (page) => {
    for (const row of [1, 2, 3]) await page.locator('tbody input[type=checkbox]').nth(row).check();
  } },
  { name: 'dashboard', scene: 'school', path: () => '/', ready: '.amorce-chart' },
  { name: 'dashboard-empty', scene: 'empty', path: () => '/', ready: '.amorce-first-steps .amorce-network' },
  { name: 'machines-filtered', scene: 'large', path: () => '/machines?is=unnamed,nothing-bootable&firmware=uefi-secure-boot&sort=name', ready: 'table' },
  { name: 'machines-large', scene: 'large', path: () => '/machines', ready: '.amorce-pager', act: async (page) => {
    // A phone shows cards, and cards have no head.
    const all = page.locator('thead input[type=checkbox]');
    if (await all.isVisible()) await all.check();
    else await page.locator('tbody input[type=checkbox]').first().check();
    await page.locator('.amorce-bulk .pf-v6-c-menu-toggle').click();
    await page.getByRole('menu').waitFor();
  } },
  { name: 'machines-naming', scene: 'school', path: () => '/machines', ready: 'table', act: async (page) => {
    for (const row of [0, 1, 2]) await page.locator('tbody input[type=checkbox]').nth(row).check();
    await page.locator('.amorce-bulk .pf-v6-c-menu-toggle').click();
    await page.getByRole('menuitem').first().click();
    await page.fill('#naming-pattern', 'Atelier-{nn}');
    await page.getByText('Atelier-03').last().waitFor();
  } },
  { name: 'machines-ban', scene: 'school', path: () => '/machines', ready: 'table', act: async (page) => {
    await page.locator('tbody input[type=checkbox]').nth(2).check();
    await page.locator('.amorce-bulk .pf-v6-c-menu-toggle').click();
    await page.getByRole('menuitem').nth(3).click();
    await page.waitForSelector('[role=dialog]');
  } },
  { name: 'import', scene: 'school', path: () => '/machines/import', ready: '#import-file', act: async (page) => {
    await page.setInputFiles('#import-file', { name: 'postes.csv', mimeType: 'text/csv', buffer: Buffer.from('Nom;Adresse MAC;Salle\nS205-01;54:bf:64:0c:00:01;S205\nS205-02;pas une adresse;S205\nS204-02;54:bf:64:0a:1c:03;S204\n') });
    await page.waitForSelector('.amorce-figures');
  } },
  { name: 'machine-boots', scene: 'school', path: ({ world }) => `/machines/${world.machines[2]?.id}?tab=boots`, ready: '.amorce-timeline' },
  { name: 'machine-history', scene: 'school', path: ({ world }) => `/machines/${world.machines[2]?.id}?tab=history`, ready: '.amorce-timeline' },
  { name: 'machine-menu', scene: 'school', path: ({ world }) => `/machines/${world.machines[2]?.id}?tab=menu`, ready: '.amorce-screen li' },
  { name: 'machine-merge', scene: 'school', path: ({ world }) => `/machines/${world.machines[2]?.id}`, ready: '.amorce-parts', act: async (page) => {
    await page.locator('.amorce-heading .pf-v6-c-menu-toggle').click();
    await page.getByRole('menuitem').nth(4).click();
    await page.locator('.amorce-picker-list button').first().click();
    await page.waitForSelector('.amorce-pair');
  } },
  { name: 'menus', scene: 'school', path: () => '/menus?place=p-s204', ready: '.amorce-screen li' },
  { name: 'menus-entry', scene: 'school', path: () => '/menus?place=p-s204', ready: '.amorce-screen li', act: async (page) => {
    await page.locator('.amorce-entry').nth(4).locator('button.pf-m-secondary').click();
    await page.waitForSelector('#entry-label');
  } },
  { name: 'activity', scene: 'school', path: () => '/activity', ready: 'table', act: async (page) => {
    await page.locator('td.pf-v6-c-table__toggle button').first().click();
  } },
  { name: 'machine-name', scene: 'school', path: () => '/machines', ready: 'table', act: async (page) => {
    await page.locator('.amorce-name-button').first().click();
    await page.waitForSelector('#name-field');
  } },
  { name: 'machine', scene: 'school', path: ({ world }) => `/machines/${world.machines.find((machine) => machine.label.startsWith('CDI'))?.id}`, ready: '.amorce-parts' },
  { name: 'machine-working', scene: 'school', path: ({ jobs }) => `/machines/${jobs[0]?.machines[1]?.machine}`, ready: '.amorce-progress' },
  { name: 'masters', scene: 'school', path: () => '/masters', ready: 'table' },
  { name: 'masters-empty', scene: 'empty', path: () => '/masters', ready: '.pf-v6-c-empty-state' },
  { name: 'jobs', scene: 'school', path: () => '/jobs', ready: '.amorce-progress' },
  { name: 'jobs-empty', scene: 'empty', path: () => '/jobs', ready: '.pf-v6-c-empty-state' },
  { name: 'job', scene: 'school', path: ({ jobs }) => `/jobs/${jobs[0]?.job.id}`, ready: '.amorce-progress' },
  { name: 'job-cancel', scene: 'school', path: ({ jobs }) => `/jobs/${jobs[0]?.job.id}`, ready: '.amorce-progress', act: async (page) => {
    await page.locator('.amorce-heading button.pf-m-danger').click();
    await page.waitForSelector('[role=dialog]');
  } },
  { name: 'job-evidence', scene: 'school', path: ({ jobs }) => `/jobs/${jobs[0]?.job.id}`, ready: '.amorce-progress', act: async (page) => {
    await page.locator('td .amorce-buttons button.pf-m-link').first().click();
    await page.waitForSelector('.amorce-evidence');
  } },
  { name: 'job-disk', scene: 'school', path: ({ jobs }) => `/jobs/${jobs[0]?.job.id}`, ready: '.amorce-progress', act: async (page) => {
    await page.locator('td .amorce-buttons button.pf-m-primary').first().click();
    await page.waitForSelector('[role=dialog] .amorce-parts');
    await page.locator('[role=dialog] input[type=radio]').nth(1).check();
  } },
  { name: 'capture', scene: 'school', path: ({ world }) => `/capture?machine=${world.machines[1]?.id}`, ready: '#capture-master', act: async (page) => {
    await page.fill('#capture-master', 'Poste CDI');
  } },
  { name: 'capture-choose', scene: 'school', path: () => '/capture', ready: '.amorce-picker-list li' },
  { name: 'restore', scene: 'school', path: ({ world }) => `/restore?machines=${world.machines.slice(0, 4).map((machine) => machine.id).join()}&master=Debian+12+salle+info&version=3`, ready: '#restore-count', act: async (page) => {
    await page.fill('#restore-count', '4');
  } },
  { name: 'restore-stopped', scene: 'school', path: ({ world }) => `/restore?machines=${world.machines.slice(8).map((machine) => machine.id).join()}&master=Debian+12+salle+info&version=2`, ready: '.amorce-remark-stop' },
  { name: 'job-journal', scene: 'school', path: ({ jobs }) => `/jobs/${jobs[0]?.job.id}`, ready: '.amorce-progress', act: async (page) => {
    await page.getByRole('button', { name: /^Journal/ }).nth(3).click();
    await page.waitForSelector('[role=dialog] .amorce-timeline');
  } },
  { name: 'job-report', scene: 'school', path: ({ jobs }) => `/jobs/${jobs[0]?.job.id}/report`, ready: '.amorce-report table' },
  { name: 'settings', scene: 'school', path: () => '/settings', ready: '#unknown-inventory' },
  { name: 'settings-appliance', scene: 'school', path: () => '/settings?tab=appliance', ready: '.pf-v6-c-progress' },
  { name: 'connection-lost', scene: 'school', path: () => '/machines', ready: 'table', act: async (page, appliance) => {
    appliance.stop();
    await page.waitForSelector('.pf-v6-c-banner');
  } },
];

const faults = /** @type {string[]} */ ([]);
const browser = await openBrowser();
try {
  for (const screen of SCREENS) {
    if (wanted.length > 0 && !wanted.includes(screen.name)) continue;
    for (const language of ['fr', 'en']) {
      for (const colorScheme of /** @type {const} */ (['light', 'dark'])) {
        for (const [width, viewport] of Object.entries({ wide: forDocs === null ? { width: 1440, height: 900 } : { width: 1200, height: 780 }, phone: { width: 390, height: 844 } })) {
          const variant = `${language}-${colorScheme}-${width}`;
          if (variants !== undefined && !variants.includes(variant)) continue;
          if (forDocs !== null && forDocs.get(screen.name) !== variant) continue;
          const appliance = await startAppliance({ scene: screen.scene, tick: 0, loggedIn: screen.loggedIn ?? true });
          if (screen.scene === 'school') workingSite(appliance);
          const context = await browser.newContext({ viewport, colorScheme, locale: language === 'fr' ? 'fr-FR' : 'en-GB', timezoneId: 'Europe/Paris', reducedMotion: 'reduce' });
          const page = await context.newPage();
          watchPage(page, faults);
          const name = `${screen.name}-${language}-${colorScheme}-${width}`;
          try {
            await page.goto(appliance.url + screen.path(appliance));
            await page.waitForSelector(screen.ready, { timeout: 10_000 });
            await screen.act?.(page, appliance);
            // Letters and images are in place; what still loads says so and is waited for.
            await page.waitForFunction(() => document.querySelector('.amorce-loading') === null);
            // The page scrolls inside its frame: a window as tall as its content shows all of it.
            const hidden = await page.evaluate(() => {
              const main = document.querySelector('.pf-v6-c-page__main');
              return main === null ? 0 : main.scrollHeight - main.clientHeight;
            });
            if (forDocs === null && hidden > 0 && (await page.locator('[role=dialog]').count()) === 0) {
              await page.setViewportSize({ width: viewport.width, height: viewport.height + hidden });
            }
            await page.screenshot({ path: new URL(`${forDocs === null ? name : screen.name}.png`, folder).pathname, fullPage: forDocs === null });
            const overflow = await page.evaluate(() =>
              Math.max(...[document.documentElement, ...document.querySelectorAll('.pf-v6-c-page__main, .pf-v6-c-page__main-section, .pf-v6-c-card__body')].map((part) => part.scrollWidth - part.clientWidth)),
            );
            if (overflow > 0) faults.push(`${name}: the page is ${overflow} px wider than the window`);
            await page.evaluate(axeSource);
            const found = await page.evaluate(async () => {
              // @ts-expect-error axe was just put there
              const report = await window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] });
              return report.violations.map((/** @type {any} */ each) => `${each.id}: ${each.help} (${each.nodes.map((/** @type {any} */ node) => node.target.join(' ')).slice(0, 3).join('; ')})`);
            });
            for (const each of found) faults.push(`${name}: axe ${each}`);
          } catch (error) {
            faults.push(`${name}: ${error instanceof Error ? error.message.split('\n').slice(0, 3).join(' ') : error}`);
          } finally {
            await context.close();
            appliance.stop();
          }
        }
      }
    }
    console.log(screen.name);
  }
} finally {
  await browser.close();
}
if (faults.length > 0) {
  console.error([...new Set(faults)].join('\n'));
  process.exit(1);
}
console.log('no breach of the policy, no axe violation, nothing wider than the window');
