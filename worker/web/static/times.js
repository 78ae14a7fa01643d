// Times in the reader's own zone and language. The server writes them with the publisher's offset.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const exact = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeZone: "UTC" });

function format(element, moment) {
  if (element.dateTime.length === 10) return day.format(moment); // a plain date belongs to no zone
  if (element.classList.contains("clock")) return clock.format(moment);
  return ("seconds" in element.dataset ? exact : whole).format(moment);
}

export function localise(root) {
  for (const element of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.textContent = format(element, moment);
    element.title = element.dateTime;
  }
}

localise(document);
