// A tenant's program: takes webhooks, a line of JSON each, and verifies them with two libraries.
// For each it prints what they said, as one line of JSON.
import { createInterface } from "node:readline";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

function said(Webhook, { secret, body, headers }) {
  try {
    new Webhook(secret).verify(Buffer.from(body, "base64"), headers);
    return true;
  } catch {
    return false;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const webhook = JSON.parse(line);
  console.log(JSON.stringify([said(Standard, webhook), said(Svix, webhook)]));
}
