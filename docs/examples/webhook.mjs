import { createHmac, timingSafeEqual } from "node:crypto";
import express from "express"; // npm install express

// body: a Buffer, as it came, before anything parses it
function isOurs(secret, headers, body) {
  const { "webhook-id": id, "webhook-timestamp": sentAt, "webhook-signature": signatures } = headers;
  if (!id || !signatures || !(Math.abs(Date.now() / 1000 - Number(sentAt)) <= 300)) return false;
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const made = createHmac("sha256", key).update(`${id}.${sentAt}.`).update(body).digest("base64");
  const expected = Buffer.from(`v1,${made}`);
  return signatures.split(" ").some((each) => {
    const given = Buffer.from(each);
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

const app = express();
app.post("/webhook", express.raw({ type: "application/json" }), (request, response) => {
  if (!isOurs(process.env.SECRET, request.headers, request.body)) return response.sendStatus(401);
  response.sendStatus(200);
  const job = JSON.parse(request.body);
  console.log(job.id, job.status, job.output || job.error);
});
app.listen(process.env.PORT || 4000, "127.0.0.1");
