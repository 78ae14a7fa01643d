// Prints the headline of every event that `palmyra web` sends (server-sent events). Needs Node 20 and nothing else.
const url = new URL("/events?whole=1", process.env.PALMYRA_WEB_URL || "http://127.0.0.1:8000");
if (process.env.WHERE) url.searchParams.set("where", process.env.WHERE); // e.g. language == "fr"
const password = process.env.PALMYRA_WEB_PASSWORD;
const login = password ? { Authorization: `Basic ${Buffer.from(`me:${password}`).toString("base64")}` } : {};
let last = process.env.SINCE || ""; // keep it where you keep your data, to go on there after a restart

class Refused extends Error {}

async function listen() {
  const response = await fetch(url, { headers: last ? { ...login, "Last-Event-ID": last } : login });
  if (!response.ok) throw new Refused(`${response.status} ${await response.text()}`, { cause: response.status });
  let text = "";
  for await (const part of response.body.pipeThrough(new TextDecoderStream())) {
    text += part;
    const frames = text.split("\n\n");
    text = frames.pop();
    for (const frame of frames) handle(Object.fromEntries(frame.split("\n").map((line) => line.split(/: (.*)/s, 2))));
  }
}

function handle({ event, data, id }) {
  if (event === "article") console.log(JSON.parse(data).data.headline); // by its id you can tell repeats
  if (event === "overtaken") console.error("events are gone that we had not got:", data);
  if (id) last = id;
}

for (;;) {
  await listen().catch((error) => {
    console.error(error.message);
    if (error instanceof Refused && error.cause < 500) process.exit(1); // a bad where, say: it stays bad
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
}
