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

const accountsOf = {
  messenger: { external_id: "12345678", access_token: "a-token", name: "Shop" },
  whatsapp: {
    external_id: "447700900123",
    credentials: { phone_number_id: "106000000000001" },
    name: "Shop",
  },
  viber_service_msg: {
    external_id: "shop",
    credentials: { connector: "bot", auth_token: "a-token" },
    name: "Shop",
  },
};
const identity = { apiKey, apiSecret, applicationId: made.id, privateKey: made.keys.privateKey };
for (const authType of ["basic", "jwt"]) {
  const client = new Accounts(authType, identity, { apiHost });
  for (const [provider, body] of Object.entries(accountsOf)) {
    const one = `${accounts}/${provider}/${body.external_id}`;
    const created = await client.sendPostRequest(`${accounts}/${provider}`, body);
    assert.equal(created.data.provider, provider);
    await refused(client.sendPostRequest(`${accounts}/${provider}`, body), 400);
    const shown = await client.sendGetRequest(one);
    assert.equal(shown.data.name, "Shop");
    assert.equal("access_token" in shown.data, provider === "messenger");
    const patched = await client.sendPatchRequest(one, { name: "Till" });
    assert.equal(patched.data.name, "Till");
    const links = `${one}/applications`;
    const linked = await client.sendPostRequest(links, { application: made.id });
    assert.deepEqual(linked.data.applications, [made.id]);
    await refused(client.sendPostRequest(links, { application: made.id }), 409);
    await client.sendDeleteRequest(`${links}/${made.id}`);
    await refused(client.sendDeleteRequest(`${links}/${made.id}`), 409);
    await refused(client.sendPostRequest(links, { application: "unknown" }), 403);
  }
  const all = await client.sendGetRequest(`${accounts}/`, { page_size: "5" });
  assert.equal(all.data._embedded.length, 3);
  const bare = await client.sendGetRequest(accounts, { page_size: "2", page_number: "2" });
  assert.deepEqual(bare.data._embedded.map((each) => each.provider), ["viber_service_msg"]);
  for (const [provider, body] of Object.entries(accountsOf)) {
    const found = await client.sendGetRequest(accounts, { provider });
    assert.deepEqual(found.data._embedded.map((each) => each.external_id), [body.external_id]);
    await client.sendDeleteRequest(`${accounts}/${provider}/${body.external_id}`);
    await refused(client.sendGetRequest(`${accounts}/${provider}/${body.external_id}`), 404);
  }
}

await vonage.applications.deleteApplication(made.id);
await refused(vonage.applications.getApplication(made.id), 404);
console.log(JSON.stringify({ done: true }));
