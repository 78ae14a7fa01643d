// Prints the headline of every event. Needs `npm install redis` (6 or newer).
import { createClient } from "redis";

const [stream, group] = ["palmyra:articles", "headlines"];
const url = process.env.PALMYRA_REDIS_URL || `unix://${process.cwd()}/.palmyra/redis.sock`;
const redis = await createClient({ url }).on("error", console.error).connect();
await redis.xGroupCreate(stream, group, "0", { MKSTREAM: true }).catch((error) => {
  if (!error.message.startsWith("BUSYGROUP")) throw error; // the group exists already
});

let after = "0"; // first what was read but not acknowledged, before a crash say; then what is new
for (;;) {
  const reply = await redis.xReadGroup(group, "me", { key: stream, id: after }, { COUNT: 100, BLOCK: 5000 });
  const entries = reply?.[0].messages ?? [];
  if (!entries.length) after = ">";
  for (const { id, message } of entries) {
    console.log(JSON.parse(message.event).data.headline); // by message.id you can tell repeats
    await redis.xAck(stream, group, id);
  }
}
