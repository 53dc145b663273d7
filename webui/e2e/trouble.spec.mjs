// What goes wrong around a person: a session that ends, a network that breaks, an answer that is lost, two tabs.
// Nothing typed is lost, nothing is done twice, everything is said.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startAppliance } from '../mock/appliance.mjs';
import { openBrowser, watchPage } from './browser.mjs';
import { disk, hibernated } from '../mock/world.mjs';
import { Capture, Hand, Machines, Restore } from './pages.mjs';

/** @type {import('playwright-core').Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** @param {Parameters<typeof startAppliance>[0]} wish @param {(appliance: Awaited<ReturnType<typeof startAppliance>>, page: import('playwright-core').Page, hand: Hand) => Promise<void>} walk */
async function withAppliance(wish, walk) {
  const appliance = await startAppliance({ loggedIn: true, tick: 0, ...wish });
  const context = await browser.newContext({ locale: 'fr-FR', reducedMotion: 'reduce' });
  const faults = /** @type {string[]} */ ([]);
  try {
    const page = await context.newPage();
    watchPage(page, faults);
    await walk(appliance, page, new Hand(page, false));
    assert.deepEqual(faults, []);
  } finally {
    await context.close();
    appliance.stop();
  }
}

/** @param {Awaited<ReturnType<typeof startAppliance>>} appliance */
const restoreUrl = ({ url, world }) =>
  `${url}/restore?machines=${world.machines.slice(1, 3).map((machine) => machine.id)}&master=Debian+12+salle+info&version=3`;

test('a session that ends in the middle of a restore is renewed over the form, and the form keeps everything', () =>
  withAppliance({}, async (appliance, page, hand) => {
    await page.goto(restoreUrl(appliance));
    const restore = new Restore(hand);
    await hand.write(page.locator('#restore-name'), 'Salle S204');
    await restore.confirm('2');
    appliance.endSession();
    await restore.start();
    await page.getByText('Votre session a expiré').waitFor();
    assert.equal(await page.locator('#login-name').inputValue(), 'technicienne');
    await hand.write(page.locator('#login-password'), 'correct horse battery');
    await hand.press(page.getByRole('button', { name: 'Se connecter' }));
    await page.getByText('Votre session a expiré').waitFor({ state: 'detached' });
    assert.equal(await page.locator('#restore-name').inputValue(), 'Salle S204');
    assert.equal(await page.locator('#restore-count').inputValue(), '2');
    await restore.start();
    await page.getByRole('heading', { name: 'Salle S204', level: 1 }).waitFor();
    assert.equal(appliance.jobs.length, 1);
  }));

test('a hibernated Windows is captured only when a person ticks that its session may be lost', () =>
  withAppliance({}, async (appliance, page, hand) => {
    const machine = appliance.world.machines[1];
    assert.ok(machine !== undefined);
    machine.facts.disks = [disk('sda', 240, { contents: hibernated })];
    await page.goto(`${appliance.url}/capture?machine=${machine.id}`);
    const capture = new Capture(hand);
    await page.getByText('ne peut pas être capturée telle quelle').waitFor();
    assert.ok(await capture.startButton.isDisabled());
    await hand.press(page.getByRole('checkbox', { name: 'Prendre Windows comme après une coupure de courant' }), 'Space');
    await page.getByText('sera capturée quand même').waitFor();
    await capture.start('Windows');
    await page.waitForURL('**/jobs/*');
    const [step] = appliance.jobs[0]?.job.steps ?? [];
    assert.ok(step?.kind === 'capture');
    assert.deepEqual([step.as_raw, step.drop_hibernation], [false, true]);
    await page.getByText('Capturer « Windows », comme après une coupure de courant').first().waitFor();
  }));

test('an answer that is lost does not start a second restore', () =>
  withAppliance({}, async (appliance, page, hand) => {
    await page.goto(restoreUrl(appliance));
    const restore = new Restore(hand);
    await restore.confirm('2');
    // The appliance takes the job; its answer never arrives.
    await page.route('**/api/v1/jobs', async (route) => {
      await route.fetch();
      await route.abort('connectionreset');
    }, { times: 1 });
    await restore.start();
    await page.getByText('L’appliance ne répond pas').waitFor();
    assert.equal(await page.locator('#restore-count').inputValue(), '2', 'what was typed is still there');
    await restore.start();
    await page.waitForURL('**/jobs/*');
    assert.equal(appliance.jobs.length, 1);
  }));

test('a broken stream is said, healed, and what was missed is shown', () =>
  withAppliance({}, async (appliance, page, hand) => {
    await page.goto(`${appliance.url}/machines`);
    const machines = new Machines(hand);
    await machines.row('S204-02').waitFor();
    const found = appliance.world.machines.find((machine) => machine.name === 'S204-02');
    assert.ok(found !== undefined);
    await appliance.followed();
    appliance.publish('machine', { ...found, label: 'S204-02-bis' });
    await machines.row('S204-02-bis').waitFor();
    await page.route('**/api/v1/events', (route) => route.abort('connectionrefused'));
    appliance.cut();
    await page.getByText('Connexion à l’appliance perdue').waitFor();
    appliance.publish('machine', { ...found, label: 'S204-02-ter' });
    await page.unroute('**/api/v1/events');
    await machines.row('S204-02-ter').waitFor();
    await page.getByText('Connexion à l’appliance perdue').waitFor({ state: 'detached' });
  }));

test('two tabs share one stream, and the second takes over when the first is closed', () =>
  withAppliance({}, async (appliance, page, hand) => {
    await page.goto(`${appliance.url}/machines`);
    await new Machines(hand).row('S204-02').waitFor();
    const second = await page.context().newPage();
    await second.goto(`${appliance.url}/machines`);
    const there = new Machines(new Hand(second, false));
    await there.row('S204-02').waitFor();
    const found = appliance.world.machines.find((machine) => machine.name === 'S204-02');
    assert.ok(found !== undefined);
    await appliance.followed();
    appliance.publish('machine', { ...found, label: 'un' });
    await there.row('un').waitFor();
    assert.equal(appliance.followers(), 1, 'one stream for both');
    await page.close();
    appliance.publish('machine', { ...found, label: 'deux' });
    await there.row('deux').waitFor();
  }));

test('the search stands in the address and survives a reload', () =>
  withAppliance({}, async (appliance, page, hand) => {
    await page.goto(`${appliance.url}/machines`);
    await hand.write(page.getByRole('textbox'), 'CDI');
    await page.waitForURL('**/machines?q=CDI');
    await page.reload();
    await page.getByText('1 poste', { exact: true }).waitFor();
    assert.equal(await page.getByRole('textbox').inputValue(), 'CDI');
    await hand.write(page.getByRole('textbox'), 'nulle part');
    await page.getByText('Aucun poste ne correspond à').waitFor();
  }));

test('progress is announced by state and not by every percent', () =>
  withAppliance({}, async (appliance, page) => {
    const machine = appliance.world.machines[0];
    assert.ok(machine !== undefined);
    appliance.addJob({ title: 'Essai', machines: [machine.id], steps: [{ kind: 'capture', master: 'Essai', disk: null }] });
    await page.goto(`${appliance.url}/jobs`);
    await page.locator('tbody').getByText('En file').first().waitFor();
    const region = page.locator('.amorce-for-readers[role=status]');
    appliance.advance();
    await region.getByText('En cours').waitFor();
    const said = await region.innerText();
    appliance.advance();
    await page.getByText(/Lecture du disque · 5\s%/).waitFor();
    assert.equal(await region.innerText(), said);
  }));

test('a page in the narrowest window, which is also a wide one at 400 %, needs no sideways scrolling', () =>
  withAppliance({}, async (appliance, page) => {
    // 320 CSS pixels: WCAG 2.2, criterion 1.4.10.
    await page.setViewportSize({ width: 320, height: 640 });
    const machine = appliance.world.machines[1];
    for (const place of ['/machines', '/masters', '/jobs', '/settings', `/machines/${machine?.id}`, `/capture?machine=${machine?.id}`, `/restore?machines=${machine?.id}`]) {
      await page.goto(appliance.url + place);
      await page.locator('h1').waitFor();
      await page.waitForFunction(() => document.querySelector('.amorce-loading') === null);
      const wide = await page.evaluate(() => Math.max(...[document.documentElement, ...document.querySelectorAll('.pf-v6-c-page__main, .pf-v6-c-card__body, .pf-v6-c-masthead')].map((part) => part.scrollWidth - part.clientWidth)));
      assert.ok(wide <= 0, `${place} is ${wide} px too wide`);
    }
  }));
