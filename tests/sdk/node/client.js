// A tenant's program: the publisher's Node SDK, unmodified, used as its documentation says.
// It prints one JSON document with what it saw; whatever it did not expect ends it.
import assert from "node:assert/strict";
import { Client } from "@vonage/server-client";
import { Vonage } from "@vonage/server-sdk";

const { GATEWAY_URL: apiHost, API_KEY: apiKey, API_SECRET: apiSecret } = process.env;
const accounts = `${apiHost}/beta/chatapp-accounts`;

class Accounts extends Client {
  constructor(authType, ...rest) {
    super(...rest);
    this.authType = authType;
  }
}

async function refused(promise, status) {
  const error = await promise.then(() => null, (caught) => caught);
  assert.equal(error?.response?.status, status);
}

const vonage = new Vonage({ apiKey, apiSecret }, { apiHost });
const url = { address: "https://desk.example/in", httpMethod: "POST" };
const made = await vonage.applications.createApplication({
  name: "Desk",
  capabilities: { messages: { version: "v1", webhooks: { inboundUrl: url, statusUrl: url } } },
});
assert.ok(made.keys.privateKey);

const names = [];
for await (const each of vonage.applications.listAllApplications({ pageSize: 1 })) {
  names.push(each.name);
}
assert.deepEqual(names, ["Desk"]);
const changed = await vonage.applications.updateApplication({ ...made, name: "Counter" });
assert.equal(changed.name, "Counter");
const again = await vonage.applications.getApplication(made.id);
assert.equal(again.capabilities.messages.webhooks.inboundUrl.address, url.address);

const identity = { apiKey, apiSecret, applicationId: made.id, privateKey: made.keys.privateKey };
for (const authType of ["basic", "jwt"]) {
  const client = new Accounts(authType, identity, { apiHost });
  const page = { external_id: "12345678", access_token: "a-token", name: "Shop" };
  const created = await client.sendPostRequest(`${accounts}/messenger`, page);
  assert.equal(created.data.provider, "messenger");
  const listed = await client.sendGetRequest(`${accounts}/`, { page_size: "5" });
  assert.equal(listed.data._embedded.length, 1);
  const shown = await client.sendGetRequest(`${accounts}/messenger/12345678`);
  assert.equal(shown.data.name, "Shop");
  const patched = await client.sendPatchRequest(`${accounts}/messenger/12345678`, { name: "Till" });
  assert.equal(patched.data.name, "Till");
  const links = `${accounts}/messenger/12345678/applications`;
  const linked = await client.sendPostRequest(links, { application: made.id });
  assert.deepEqual(linked.data.applications, [made.id]);
  await refused(client.sendPostRequest(links, { application: made.id }), 409);
  await client.sendDeleteRequest(`${links}/${made.id}`);
  await client.sendDeleteRequest(`${accounts}/messenger/12345678`);
  await refused(client.sendGetRequest(`${accounts}/messenger/12345678`), 404);
}

await vonage.applications.deleteApplication(made.id);
await refused(vonage.applications.getApplication(made.id), 404);
console.log(JSON.stringify({ done: true }));
