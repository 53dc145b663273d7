// From a new appliance to a restored machine, as a person does it: with the pointer, and with the keyboard alone.
//
// Against a real appliance (the lab boots the machines):
//   AMORCE_URL=https://… AMORCE_CODE=… AMORCE_MACHINE_A=52:54:… AMORCE_MACHINE_B=52:54:… node --test e2e/first-run.spec.mjs
// It prints `amorce-e2e: WORD` when a step is behind it (administrator, named, captured, restored), so that whoever
// drives the machines knows when. Without AMORCE_URL it walks through the pretended appliance.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startAppliance } from '../mock/appliance.mjs';
import { machine } from '../mock/world.mjs';
import { openBrowser, watchPage } from './browser.mjs';
import { Capture, FirstRun, Hand, Job, Machines, Restore } from './pages.mjs';

const real = process.env.AMORCE_URL;
/** How long a machine may take to boot, to be captured, to be restored. */
const PATIENCE = Number(process.env.AMORCE_PATIENCE_MINUTES ?? 10) * 60_000;
const MASTER = 'Debian de démonstration';

/** @param {string} word */
const tell = (word) => console.log(`amorce-e2e: ${word}`);

// A real appliance is new only once.
for (const keyboard of real === undefined ? [false, true] : [process.env.AMORCE_KEYBOARD === '1']) {
  test(`a new appliance captures one machine and restores another, ${keyboard ? 'by keyboard alone' : 'by pointer'}`, async () => {
    const pretended = real === undefined ? await startAppliance({ scene: 'first-run', tick: 20 }) : null;
    const [macA, macB] = real === undefined ? ['54:bf:64:0a:1c:01', '54:bf:64:0a:1c:02'] : [process.env.AMORCE_MACHINE_A ?? '', process.env.AMORCE_MACHINE_B ?? ''];
    /** @param {number} n */
    const boot = (n) => {
      const booted = machine({ n, connected: true, nothing_bootable: n === 2 });
      pretended?.world.machines.unshift(booted);
      pretended?.publish('machine', booted);
    };
    const faults = /** @type {string[]} */ ([]);
    const browser = await openBrowser();
    try {
      // The appliance made its own authority; the person compares its fingerprint, a test cannot.
      const context = await browser.newContext({ locale: 'fr-FR', ignoreHTTPSErrors: true, reducedMotion: 'reduce' });
      const page = await context.newPage();
      watchPage(page, faults);
      const hand = new Hand(page, keyboard);
      const machines = new Machines(hand);

      const code = real === undefined ? (pretended?.code ?? '') : (process.env.AMORCE_CODE ?? '');
      await page.goto(`${real ?? pretended?.url}/#code=${encodeURIComponent(code)}`);
      await page.locator('#first-code').waitFor();
      assert.equal(await page.locator('#first-code').inputValue(), code, 'the address carries the code');
      assert.ok(!page.url().includes(code), 'and does not keep it');
      await new FirstRun(hand).createAdministrator({ code, name: process.env.AMORCE_NAME ?? 'technicienne', password: process.env.AMORCE_PASSWORD ?? 'une phrase assez longue' });
      await page.getByRole('heading', { name: 'Postes', level: 1 }).waitFor();
      tell('administrator');

      boot(1);
      await machines.row(macA).waitFor({ timeout: PATIENCE });
      await machines.name(macA, 'Poste-A');
      tell('named');

      await machines.choose(['Poste-A']);
      await machines.capture();
      await new Capture(hand).start(MASTER);
      await new Job(hand).untilDone(PATIENCE);
      tell('captured');

      await machines.open();
      boot(2);
      await machines.row(macB).waitFor({ timeout: PATIENCE });
      await machines.choose([macB]);
      await machines.restore();
      const restore = new Restore(hand);
      await restore.chooseMaster(MASTER);
      await page.locator('#restore-count').waitFor();
      assert.ok(await restore.startButton.isDisabled(), 'nothing is erased before a person typed how many');
      await restore.confirm('2');
      assert.ok(await restore.startButton.isDisabled(), 'nor when they typed another number');
      await restore.confirm('1');
      await restore.start();
      await new Job(hand).untilDone(PATIENCE);
      tell('restored');
      if (pretended !== null) {
        const posts = pretended.calls.filter((call) => call.method === 'POST' && call.path === '/jobs');
        assert.deepEqual(posts.map((call) => call.body.steps.map((/** @type {any} */ step) => step.kind)), [['capture'], ['restore', 'reboot']]);
        assert.deepEqual(posts[1]?.body.steps[0].master, { name: MASTER, version: 1 }, 'the version is frozen at what was shown');
      }
      assert.deepEqual(faults, []);
    } finally {
      await browser.close();
      pretended?.stop();
    }
  });
}
