import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { Tally } from '../../../lib/common/summary.ts';
import type { MetricOutcome } from '../../../lib/operations/restore/outcomes.ts';
import type { Plot } from '../../../lib/whisper/changes.ts';
import { HtmlReport } from '../../../scripts/cli/text/html-report.ts';
import { plotSvg } from '../../../scripts/cli/text/plot-svg.ts';
import type { ReportedRun } from '../../../scripts/cli/text/report-form.ts';

const HOSTILE = `a.<script>alert(1)</script>"' onload='x'&amp;&#x3c;\u202e\u0007\ufffe]]>-->`;

const RUN: ReportedRun = {
  program: '1.0.0',
  host: HOSTILE,
  date: null,
  ended: '2026-11-22T12:00:00.000Z',
  options: { metrics: HOSTILE, exclude: [HOSTILE, 'b'] },
  totals: { created: 1, replaced: 0, filled: 0, unchanged: 0, failed: 1, skipped: 0, noBackup: 0 },
};

function plotOf(...values: readonly number[]): Plot {
  const band = { low: Float64Array.from(values), high: Float64Array.from(values) };
  return { step: 60, from: 1_763_812_800, width: 60, before: band, after: band };
}

function created(metric: string, points: number, plot: Plot | undefined = plotOf(1, Number.NaN, 3)): MetricOutcome {
  const backup = { time: new Date(0), object: { key: metric, size: 1 }, algorithm: 'gz' as const, sha1: '0' };
  return { metric, outcome: 'created', backup, changes: { points, ...(plot && { plot }) } } as MetricOutcome;
}

function pageOf(report: HtmlReport, fill: (tally: Tally) => void = () => {}): string {
  const tally = new Tally(['metrics', 'failed', 'skipped']);
  fill(tally);
  return report.start() + report.end(RUN, tally.finish({ command: 'restore', store: HOSTILE, dryRun: false }));
}

/** Tags, attributes and text of a page, as Python's parsers see them. Fails if it is not well-formed. */
function parsed(page: string): {
  readonly tags: readonly string[];
  readonly attributes: readonly string[];
  readonly text: string;
} {
  const script = `
import json, sys, xml.etree.ElementTree as tree
from html.parser import HTMLParser
page = sys.stdin.buffer.read().decode()
root = tree.fromstring(page.replace('<!DOCTYPE html>', ''))
class Reader(HTMLParser):
    tags, attributes, text = set(), set(), ''
    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
    def handle_data(self, data): self.text += data
reader = Reader(); reader.feed(page); reader.close()
assert ''.join(root.itertext()).split() == reader.text.split(), 'HTML and XML differ'
json.dump({'tags': sorted(reader.tags), 'attributes': sorted(reader.attributes), 'text': reader.text}, sys.stdout)`;
  return JSON.parse(execFileSync('/usr/bin/python3', ['-c', script], { input: page, encoding: 'utf8' }));
}

describe('the HTML report of a restore', () => {
  it('escapes hostile names everywhere, and needs no scripts and nothing from elsewhere', () => {
    const report = new HtmlReport();
    report.add([created(HOSTILE, 3), { metric: HOSTILE, outcome: 'noBackup', code: 'NO_BACKUP', reason: HOSTILE }]);
    const page = pageOf(report, (tally) => {
      tally.fail({ metric: HOSTILE, target: HOSTILE, code: 'REPLACED', reason: HOSTILE });
      tally.note({ metric: HOSTILE, code: 'ODD', reason: HOSTILE });
      tally.add('noBackup');
      tally.stop('NOTHING_MATCHED', HOSTILE);
    });
    const { tags, attributes, text } = parsed(page);
    const used = 'b body figcaption figure h1 h2 head html meta p path rect span style svg table td text th title tr';
    assert.deepEqual(tags, used.split(' '));
    const known = 'charset class content d height http-equiv lang role text-anchor viewbox width x y';
    assert.deepEqual(attributes, known.split(' '));
    assert.match(page, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/);
    assert.doesNotMatch(page, /https?:|url\(|@import/);
    assert.ok(!page.includes('\u202e') && !page.includes('\u0007'));
    assert.ok(text.split('<script>alert(1)</script>').length > 8, 'the names are not shown as they are');
  });

  it('plots the metrics that changed most, whatever their order, and asks for no other plots', () => {
    const report = new HtmlReport();
    assert.equal(report.plotAbove, 0);
    for (let i = 0; i < 1000; i++) {
      const points = (i * 377) % 1000;
      report.add([created(`m${points}`, points, points > report.plotAbove ? plotOf(1) : undefined)]);
    }
    assert.equal(report.plotAbove, 980);
    const names = [...pageOf(report).matchAll(/<figcaption><b>(m\d+)</g)].map(([, name]) => name);
    assert.deepEqual(
      names,
      Array.from({ length: 20 }, (_, i) => `m${999 - i}`),
    );
  });

  it('lists a limited number of metrics that were left, and counts the others', () => {
    const report = new HtmlReport();
    for (let i = 0; i < 3000; i++)
      report.add([{ metric: `young${i}`, outcome: 'noBackup', code: 'NO_BACKUP', reason: 'none' }]);
    const page = pageOf(report, (tally) => {
      tally.add('noBackup', 3000);
      for (let i = 0; i < 300; i++) tally.fail({ metric: `failed${i}`, code: 'REPLACED', reason: 'x' });
    });
    assert.equal(page.split('<td>failed').length - 1, 300 + 1);
    assert.match(page, /and 2800 more: see a report in JSON/);
    assert.ok(page.length < 100_000, `${page.length} characters`);
  });

  it('has what was changed in a window, which is not called filled', () => {
    const page = pageOf(new HtmlReport(), (tally) => {
      tally.add('pointsReplaced', 170);
      tally.add('pointsKept', 3);
    });
    const { text } = parsed(page);
    assert.match(text, /changed in the window/);
    assert.match(text, /0 points filled, 170 replaced, 0 erased, 3 kept/);
    assert.doesNotMatch(text, /gaps filled/);
    assert.match(parsed(pageOf(new HtmlReport())).text, /gaps filled/);
  });

  it('names the hold that keeps the state before', () => {
    const summary = new Tally([]).finish({ command: 'restore', store: 's', dryRun: false });
    assert.match(
      new HtmlReport().end(RUN, { ...summary, hold: 'before-<x>' }),
      /stored under the hold before-&lt;x&gt;</,
    );
    assert.doesNotMatch(new HtmlReport().end(RUN, summary), /hold/);
  });

  it('says that nothing was left out only if the restore was not stopped', () => {
    assert.match(parsed(pageOf(new HtmlReport())).text, /Nothing was left out\./);
    const early = pageOf(new HtmlReport(), (tally) => tally.stop('NOTHING_MATCHED', 'why'));
    assert.doesNotMatch(early, /Nothing was left out/);
  });
});

describe('plotSvg', () => {
  const pathsOf = (plot: Plot) => [...plotSvg(plot).matchAll(/ d="([^"]*)"/g)].map(([, path]) => path);

  it('leaves gaps, shows single points, and draws each column from its lowest to its highest value', () => {
    const band = (low: readonly number[], high: readonly number[]) => ({
      low: Float64Array.from(low),
      high: Float64Array.from(high),
    });
    const [after, before] = pathsOf({
      ...plotOf(),
      before: band([Number.NaN, Number.NaN, Number.NaN, 5], [Number.NaN, Number.NaN, Number.NaN, 5]),
      after: band([0, 5, Number.NaN, 10], [10, 5, Number.NaN, 10]),
    });
    assert.equal(after, 'M90.0 120.0V0.0L270.0 60.0h0M630.0 0.0h0');
    assert.equal(before, 'M630.0 60.0h0');
  });

  it('draws a constant, the largest possible values, and nothing if no value is finite', () => {
    assert.deepEqual(pathsOf(plotOf(7)), ['M360.0 60.0h0', 'M360.0 60.0h0']);
    assert.deepEqual(pathsOf(plotOf(-Number.MAX_VALUE, Number.MAX_VALUE))[0], 'M180.0 120.0h0L540.0 0.0h0');
    assert.deepEqual(pathsOf(plotOf(Number.NaN)), ['', '']);
  });
});
