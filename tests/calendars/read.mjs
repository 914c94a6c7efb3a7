// Reads calendars with ical.js: a JSON list of texts comes in, and for each a list of what its events say goes out.
import ICAL from "ical.js";
import { text } from "node:stream/consumers";

const sides = (event, name) => event.getFirstProperty(name)?.getFirstValue();

function told(calendar, event) {
  return {
    method: calendar.getFirstPropertyValue("method") ?? "",
    uid: sides(event, "uid"),
    sequence: sides(event, "sequence") ?? 0,
    status: sides(event, "status") ?? "",
    summary: sides(event, "summary") ?? "",
    organizer: sides(event, "organizer") ?? "",
    attendees: event.getAllProperties("attendee").map((one) => [one.getFirstValue(), one.getParameter("partstat")]),
    alarms: event.getAllSubcomponents("valarm").length,
    written: sides(event, "dtstamp").toUnixTime(),
    starts: sides(event, "dtstart").toUnixTime(),
    ends: sides(event, "dtend").toUnixTime(),
    zone: event.getFirstProperty("dtstart").getParameter("tzid") ?? "",
  };
}

const calendars = JSON.parse(await text(process.stdin)).map((one) => new ICAL.Component(ICAL.parse(one)));
process.stdout.write(
  JSON.stringify(calendars.map((one) => one.getAllSubcomponents("vevent").map((event) => told(one, event)))),
);
