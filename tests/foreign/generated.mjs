// A client made by a generator from GS1's published OpenAPI document calls every kind of resource.
//
// usage: node generated.mjs CLIENT BASE KEY   (BASE ends with /epcis/v2; CLIENT is the bundle)
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const [bundle, base, key] = process.argv.slice(2);
const { Epcis, ApiError } = await import(pathToFileURL(bundle).href);
const api = new Epcis({ BASE: base, TOKEN: key, ENCODE_PATH: encodeURIComponent });

const run = Date.now();
const item = `https://id.gs1.org/01/09521101530001/21/G${run}`;
const place = `https://id.gs1.org/414/9521101530001`;
const context = 'https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld';
const event = (n) => ({
  type: 'ObjectEvent',
  eventID: `urn:example:generated:${run}:${n}`,
  eventTime: `2026-03-01T10:0${n}:00.000Z`,
  eventTimeZoneOffset: '+00:00',
  action: 'OBSERVE',
  bizStep: 'inspecting',
  disposition: 'in_progress',
  epcList: [item],
  readPoint: { id: place },
  bizLocation: { id: place },
});
const list = (answer) => answer.epcisBody.queryResults.resultsBody.eventList;
const refused = async (call, status) => {
  const error = await call.then(() => assert.fail('was not refused'), (error) => error);
  assert.ok(error instanceof ApiError, String(error));
  assert.equal(error.status, status, JSON.stringify(error.body));
  return error.body;
};

// Capture: a document, its job, one event, a broken one.
const document = {
  '@context': [context],
  type: 'EPCISDocument',
  schemaVersion: '2.0',
  creationDate: '2026-03-01T10:00:00.000Z',
  epcisBody: { eventList: [event(1), event(2)] },
};
await api.capture.postCapture({ requestBody: document, gs1CaptureErrorBehaviour: 'rollback' });
const jobs = await api.capture.getCapture({ perPage: 10 });
assert.ok(jobs.length >= 1 && jobs[0].captureID, JSON.stringify(jobs));
const job = await api.capture.getCapture1({ captureId: jobs[0].captureID });
assert.equal(job.captureID, jobs[0].captureID);
await api.capture.postEvents({ requestBody: { '@context': context, ...event(3) } });
const problem = await refused(
  api.capture.postEvents({ requestBody: { '@context': context, ...event(4), action: 'LOOK' } }), 400);
assert.equal(problem.type, 'epcisException:ValidationException');

// Query: all of an item's events, one of them, in pages, with a parameter that nobody knows.
const naming = { matchAnyEpc: [item] };
const found = list(await api.events.getEvents({ ...naming, orderBy: 'eventTime', orderDirection: 'ASC' }));
assert.deepEqual(found.map((e) => e.eventID), [1, 2, 3].map((n) => event(n).eventID));
const one = list(await api.events.getEvents1({ eventId: event(2).eventID }));
assert.equal(one[0].eventTime, event(2).eventTime);

// Browsing from the top.
for (const [names, value] of [
  ['eventTypes', 'ObjectEvent'], ['epcs', item], ['bizSteps', 'inspecting'],
  ['bizLocations', place], ['readPoints', place], ['dispositions', 'in_progress'],
]) {
  const get = names.charAt(0).toUpperCase() + names.slice(1);
  const all = await api.topLevel[`get${get}`]({ perPage: 1000 });
  assert.equal(all.type, 'Collection');
  assert.ok(all.member.length > 0, JSON.stringify(all));
  const field = { eventTypes: 'eventType', epcs: 'epc', bizSteps: 'bizStep', bizLocations: 'bizLocation', readPoints: 'readPoint', dispositions: 'disposition' }[names];
  const events = list(await api.events[`get${get}Events`]({ [field]: value, perPage: 100, ...(names === 'epcs' ? {} : naming) }));
  assert.equal(events.length, 3, names);
}

// Named queries and what they find; subscriptions to them.
const name = `generated-${run}`;
await api.queries.postQueries({ requestBody: { name, query: { MATCH_anyEPC: [item], eventType: ['ObjectEvent'] } } });
const queries = await api.queries.getQueries({ perPage: 1000 });
assert.ok(queries.some((query) => query.name === name), JSON.stringify(queries));
const definition = await api.queries.getQueries1({ queryName: name });
assert.equal(definition.name, name);
assert.equal(list(await api.queries.getQueriesEvents({ queryName: name })).length, 3);
await api.subscriptions.postQueriesSubscriptions({
  queryName: name,
  requestBody: { dest: 'https://receiver.example/epcis', signatureToken: 'a secret of the receiver', reportIfEmpty: false, stream: true },
});
const subscriptions = await api.subscriptions.getQueriesSubscriptions({ queryName: name });
assert.equal(subscriptions.length, 1, JSON.stringify(subscriptions));
await api.subscriptions.unsubscribe({ queryName: name, subscriptionId: subscriptions[0].subscriptionID });
await api.queries.deleteQueries({ queryName: name });
await refused(api.queries.getQueries1({ queryName: name }), 404);

// What the node offers.
await api.discovery.options();
await api.discovery.optionsEvents({});
console.log('the generated client captured, asked, browsed, named and discovered');
