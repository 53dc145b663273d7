import { QueryClient } from '@tanstack/react-query';
import { beforeEach, expect, test } from 'vitest';
import { makeWorld } from '../../mock/world.mjs';
import { applyEvent } from './patch';
import { jobQuery, jobsQuery, machineQuery, machinesQuery, settingsQuery } from './queries';
import type { Job, JobDetail, JobMachine } from './types';

let client: QueryClient;
beforeEach(() => {
  client = new QueryClient();
});

const [machine, other] = makeWorld('school').machines;
if (machine === undefined || other === undefined) throw new Error('the pretended school has machines');

const counts = { total: 1, queued: 1, waiting: 0, running: 0, done: 0, failed: 0, cancelled: 0 };
const job: Job = { id: 'j', title: 'x', steps: [{ kind: 'inspect' }], state: 'queued', counts, created_at: '', created_by: '', schedule: {} };
const row: JobMachine = { job: 'j', machine: machine.id, machine_label: 'm', state: 'queued', step_index: 0, cancel_requested: false, results: [], has_evidence: false };
const event = (kind: string, data: unknown) => ({ id: '1', kind, data });
const page = <Item,>(items: Item[]) => ({ pages: [{ items, next: null, total: items.length }], pageParams: [''] });

test('a changed machine changes where it stands in the list, and its disks’ contents stay known', () => {
  client.setQueryData(machinesQuery({}).queryKey, page([other, machine]));
  client.setQueryData(machineQuery(machine.id).queryKey, machine);
  const bare = { ...machine, label: 'S204-07', facts: { ...machine.facts, disks: machine.facts.disks.map((disk) => ({ ...disk, contents: null })) } };
  applyEvent(client, event('machine', bare));
  expect(client.getQueryData(machinesQuery({}).queryKey)?.pages[0]?.items.map((each) => each.label)).toEqual([other.label, 'S204-07']);
  const shown = client.getQueryData(machineQuery(machine.id).queryKey);
  expect(shown?.label).toBe('S204-07');
  expect(shown?.facts.disks[0]?.contents).toBe(machine.facts.disks[0]?.contents);
});

test('a machine that no list shows makes the lists ask again', () => {
  client.setQueryData(machinesQuery({}).queryKey, page([other]));
  applyEvent(client, event('machine', machine));
  expect(client.getQueryState(machinesQuery({}).queryKey)?.isInvalidated).toBe(true);
});

test('a changed job changes in the list and on its page; a filtered list asks again', () => {
  client.setQueryData(jobsQuery({}).queryKey, page([job]));
  client.setQueryData(jobsQuery({ state: 'queued' }).queryKey, page([job]));
  client.setQueryData(jobQuery('j').queryKey, { job, machines: [row] });
  applyEvent(client, event('job', { ...job, state: 'running' }));
  expect(client.getQueryData(jobsQuery({}).queryKey)?.pages[0]?.items[0]?.state).toBe('running');
  expect(client.getQueryState(jobsQuery({}).queryKey)?.isInvalidated).toBe(false);
  expect(client.getQueryState(jobsQuery({ state: 'queued' }).queryKey)?.isInvalidated).toBe(true);
  expect(client.getQueryData(jobQuery('j').queryKey)?.job.state).toBe('running');
});

test('progress moves one row and asks nothing again', () => {
  const detail: JobDetail = { job, machines: [{ ...row, machine: other.id }, row] };
  client.setQueryData(jobQuery('j').queryKey, detail);
  applyEvent(client, event('job-machine', { ...row, state: 'running' }));
  expect(client.getQueryData(jobQuery('j').queryKey)?.machines.map((each) => each.state)).toEqual(['queued', 'running']);
  expect(client.getQueryState(jobQuery('j').queryKey)?.isInvalidated).toBe(false);
});

test('an event that came too late for a replay makes everything ask again', () => {
  client.setQueryData(settingsQuery.queryKey, { unknown_machines: 'inventory', language: 'fr' });
  applyEvent(client, event('reset', {}));
  expect(client.getQueryState(settingsQuery.queryKey)?.isInvalidated).toBe(true);
});

test('a refusal, and data that is no object, change nothing', () => {
  client.setQueryData(settingsQuery.queryKey, { unknown_machines: 'inventory', language: 'fr' });
  applyEvent(client, event('refusal', { code: 'no-session' }));
  applyEvent(client, event('settings', null));
  expect(client.getQueryState(settingsQuery.queryKey)?.isInvalidated).toBe(false);
  expect(client.getQueryData(settingsQuery.queryKey)?.language).toBe('fr');
});
