// epcis2.js, a client written by others, unchanged: makes one event of each kind, sends them with
// its own capture(), and what a node gives back equals what was sent.
//
// usage: node epcis2.mjs BASE KEY   (BASE ends with /epcis/v2/)
import assert from 'node:assert/strict';
import epcis from 'epcis2.js';

const [base, key] = process.argv.slice(2);
const authorization = `Bearer ${key}`;
epcis.setup({ apiUrl: base, headers: { 'content-type': 'application/json', authorization } });

// Its code is one line of 700 KB, which node would print with every error.
process.on('uncaughtException', (error) => {
  console.error(error.stack);
  process.exit(1);
});

const run = Date.now();
const serial = (n) => `https://id.gs1.org/01/09521101530001/21/F${run}-${n}`;
const place = 'https://id.gs1.org/414/9521101530001';
const named = (event, n) => event
  .setEventID(`urn:example:foreign:${run}:${n}`)
  .setEventTime('2026-03-01T10:00:00.000Z')
  .setEventTimeZoneOffset('+01:00')
  .setBizStep('inspecting')
  .setReadPoint(new epcis.ReadPoint().setId(place));

const report = new epcis.SensorReportElement().setType('Temperature').setValue(4.5).setUom('CEL');
const sensed = new epcis.SensorElement()
  .setSensorMetadata(new epcis.SensorMetadata().setTime('2026-03-01T09:30:00.000Z'))
  .addSensorReport(report);
const order = new epcis.BizTransactionElement()
  .setType('po')
  .setBizTransaction(`urn:epcglobal:cbv:bt:9521101530001:${run}`);

const events = [
  named(new epcis.ObjectEvent(), 1)
    .setAction('OBSERVE')
    .addEPC(serial(1))
    .addSensorElement(sensed),
  named(new epcis.AggregationEvent(), 2)
    .setAction('ADD')
    .setParentId('https://id.gs1.org/00/095211015300000018')
    .addChildEPC(serial(1)),
  named(new epcis.TransactionEvent(), 3)
    .setAction('ADD')
    .addBizTransaction(order)
    .addEPC(serial(1)),
  named(new epcis.TransformationEvent(), 4)
    .addInputEPC(serial(1))
    .addOutputEPC(serial(2)),
  named(new epcis.AssociationEvent(), 5)
    .setAction('ADD')
    .setParentId(serial(3))
    .addChildEPC(serial(2)),
];

const document = new epcis.EPCISDocument().setCreationDate('2026-03-01T10:00:00.000Z');
for (const event of events) document.addEvent(event);
const answer = await epcis.capture(document);
assert.equal(answer.status, 202, await answer.text());
const job = new epcis.CaptureResponse(answer);
await job.pollForTheCaptureToFinish(50, 100);
assert.equal(job.getSuccessStatus(), true, JSON.stringify(job.getErrors()));

const get = async (url) => {
  const got = await fetch(url, { headers: { authorization } });
  assert.equal(got.status, 200, `${url}: ${await got.clone().text()}`);
  return got.json();
};

for (const event of events) {
  const sent = event.toObject();
  const url = `${base}events/${encodeURIComponent(sent.eventID)}`;
  const [got] = (await get(url)).epcisBody.queryResults.resultsBody.eventList;
  delete got.recordTime;
  delete got['@context'];
  assert.deepEqual(got, JSON.parse(JSON.stringify(sent)));
}
console.log(`${events.length} events sent by epcis2.js and read back`);
