#!/usr/bin/env node
// A receiver of warnings from Nadhir, as a CGI program. It needs Node.js 18 and no package.
//
// The web server sets NADHIR_SECRET (`whsec_…`; several apart by blanks while one is changed) and NADHIR_DIR, a directory of its own,
// which this program may write. Put what you do with a warning into `act`.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const TOLERANCE_S = 5 * 60; // how far the clocks may be apart
const MAX_BODY = 1 << 20; // bytes
const MAX_SIGNATURES = 16;
const REMEMBER_S = 3 * 24 * 60 * 60; // for longer than anything is tried again

/** Whether a request was signed by one who knows a secret, just now. `body` is the bytes as they came. */
function isOurs(secrets, id, timestamp, signatures, body, now) {
  if (!/^[0-9]{1,15}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > TOLERANCE_S) return false;
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body]);
  let good = false;
  for (const secret of secrets) {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const own = Buffer.from("v1," + crypto.createHmac("sha256", key).update(content).digest("base64"));
    for (const text of signatures.split(" ").slice(0, MAX_SIGNATURES)) {
      const signature = Buffer.from(text);
      // timingSafeEqual takes as long whatever differs; all are compared.
      if (own.length === signature.length && crypto.timingSafeEqual(own, signature)) good = true;
    }
  }
  return good;
}

const dir = process.env.NADHIR_DIR;

/** The file that says that a message was taken. */
const markOf = (id) => path.join(dir, crypto.createHash("sha256").update(id).digest("hex") + ".seen");

function forget(now) {
  for (const name of fs.readdirSync(dir).filter((name) => name.endsWith(".seen"))) {
    const file = path.join(dir, name);
    if (now - fs.statSync(file).mtimeMs / 1000 > REMEMBER_S) fs.unlinkSync(file);
  }
}

/** Whether nobody is to be told any more. */
const isOver = (event, now) => event.data.expires !== undefined && Date.parse(event.data.expires) / 1000 <= now;

/** What you do with it. It may be called twice for one message if this machine dies in between. */
function act(event) {
  fs.appendFileSync(path.join(dir, "acted"), `${event.type} ${event.data.id ?? ""}\n`);
}

/** Status and words. Whoever answers 2xx has taken it; every other status but 410 has it sent again. */
function answer(body, now) {
  const { HTTP_WEBHOOK_ID: id = "", HTTP_WEBHOOK_TIMESTAMP: timestamp = "" } = process.env;
  const { HTTP_WEBHOOK_SIGNATURE: signatures = "", NADHIR_SECRET = "" } = process.env;
  const secrets = NADHIR_SECRET.split(/\s+/).filter((secret) => secret !== "");
  if (id === "" || !isOurs(secrets, id, timestamp, signatures, body, now)) return [401, "not signed as it should be"];
  const event = JSON.parse(body.toString("utf8"));
  if (event.type === "subscriber.challenge") return [200, event.data.challenge];
  if (fs.existsSync(markOf(id))) return [200, "seen before"];
  let words = "taken";
  if (event.type === "subscriber.test") words = "a test";
  else if (event.type === "history") words = "history"; // for an archive; it is no warning now
  else if (isOver(event, now)) words = "over";
  else if (event.type.startsWith("warning.") && event.data.status !== "Actual") words = "a drill";
  else if (/^(warning|statement)\./.test(event.type)) act(event);
  else words = "nothing to do"; // types that are not known yet are no fault
  // Only now, so that what this machine did not do is sent again.
  fs.writeFileSync(markOf(id), "");
  forget(now);
  return [200, words];
}

const length = Number(process.env.CONTENT_LENGTH || 0);
const chunks = [];
if (length <= MAX_BODY) process.stdin.on("data", (chunk) => chunks.push(chunk));
process.stdin.on("end", () => {
  const body = Buffer.concat(chunks).subarray(0, length);
  const [status, text] = length <= MAX_BODY ? answer(body, Date.now() / 1000) : [413, "too long"];
  process.stdout.write(`Status: ${status}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}`);
});
process.stdin.resume();
