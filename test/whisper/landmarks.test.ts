import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createWhisper } from '../../lib/whisper/create.ts';
import { planFill } from '../../lib/whisper/fill.ts';
import { type Landmark, landmarksOf, landmarksOfFill } from '../../lib/whisper/landmarks.ts';
import { updateMany } from '../../lib/whisper/update.ts';
import { applyFill } from './apply-fill.ts';

const NOW = Date.UTC(2026, 10, 22, 12) / 1000;
const ARCHIVES = [
  { secondsPerPoint: 60, points: 60 },
  { secondsPerPoint: 600, points: 144 },
];

function fileWith(minutesAgo: readonly number[], now = NOW): Uint8Array {
  const bytes = createWhisper(ARCHIVES);
  const points = minutesAgo.map((minutes) => ({ timestamp: now - minutes * 60, value: minutes }));
  updateMany(bytes, points, { now });
  return bytes;
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function hasAll(bytes: Uint8Array, landmarks: readonly Landmark[]): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return landmarks.every(({ offset, timestamp }) => view.getUint32(offset) === timestamp);
}

describe('landmarks', () => {
  it('are one point of each archive, and survive updates for half the retention', () => {
    const bytes = fileWith(range(0, 60));
    const landmarks = landmarksOf(bytes, NOW);
    assert.equal(landmarks.length, 2);
    for (let minute = 1; minute < 29; minute++) {
      updateMany(bytes, [{ timestamp: NOW + minute * 60, value: minute }], { now: NOW + minute * 60 });
      assert.ok(hasAll(bytes, landmarks), `after ${minute} minutes`);
    }
  });

  it('are not in a recreated file that has only the newest points', () => {
    const restored = { full: range(0, 60), sparse: [5, 15, 25, 55], old: range(40, 60), one: [7] };
    for (const [name, minutes] of Object.entries(restored)) {
      const landmarks = landmarksOf(fileWith(minutes), NOW);
      assert.ok(landmarks.length > 0, name);
      for (const later of [0, 1, 10]) {
        const created = fileWith(range(0, 3), NOW + later * 60);
        assert.ok(!hasAll(created, landmarks), `${name}, ${later} minutes later`);
      }
    }
  });

  it("are empty for a file without points or in go-carbon's format", () => {
    assert.deepEqual(landmarksOf(createWhisper(ARCHIVES), NOW), []);
    assert.deepEqual(landmarksOf(new TextEncoder().encode('whisper_compressed and more'), NOW), []);
  });

  it('of a fill are points that the file lacked before', () => {
    const local = fileWith(range(0, 10));
    const source = fileWith(range(0, 60));
    const plan = planFill({ local, source, now: NOW });
    const landmarks = landmarksOfFill(local, plan.writes, NOW);
    assert.ok(landmarks.length > 0);
    assert.ok(!hasAll(local, landmarks));
    applyFill(local, plan);
    assert.ok(hasAll(local, landmarks));
    assert.deepEqual(landmarksOfFill(local, [], NOW), []);
  });

  it('of a fill of a large file take little memory', () => {
    const points = 1_500_000;
    const local = createWhisper([{ secondsPerPoint: 1, points }]);
    const bytes = new Uint8Array(points * 12);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < points; i++) view.setUint32(i * 12, NOW - i);
    const before = process.memoryUsage().rss;
    const landmarks = landmarksOfFill(local, [{ offset: 28, bytes }], NOW);
    assert.ok(process.memoryUsage().rss - before < 2 ** 26);
    const slot = points / 2 - 1;
    assert.deepEqual(landmarks, [{ offset: 28 + slot * 12, timestamp: NOW - slot }]);
  });
});
