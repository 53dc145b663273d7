import { expect, test } from 'vitest';
import { EventReader } from './event-stream';

test('events come out whole, however the bytes were cut', () => {
  const text = ': hello\n\nid: 7\nevent: job\ndata: {"a":1}\n\nevent: job-machine\r\ndata: {"b":\r\ndata: 2}\r\n\r\n';
  for (let size = 1; size <= text.length; size += 1) {
    const reader = new EventReader();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...reader.push(text.slice(at, at + size)));
    expect(events, `pieces of ${size}`).toEqual([
      { id: '7', kind: 'job', data: { a: 1 } },
      { id: '7', kind: 'job-machine', data: { b: 2 } },
    ]);
  }
});

test('a comment is no event, and neither is a kind without data', () => {
  expect(new EventReader().push(': heartbeat\n\nevent: job\n\n')).toEqual([]);
});

test('what is no JSON is an event that says nothing', () => {
  expect(new EventReader().push('event: job\ndata: {oops\n\n')).toEqual([{ id: '', kind: 'job', data: null }]);
});

test('an event without end is given up before it fills the memory', () => {
  const reader = new EventReader();
  const flood = `data: ${'x'.repeat(1024 * 1024)}\n`;
  expect(() => {
    for (let turn = 0; turn < 10; turn += 1) reader.push(flood);
  }).toThrow(/longer/);
});
