// Live refresh: a hidden tab asks nothing, a visible one catches up at once, and a page that can
// no longer reach the server says so instead of looking fresh, and asks less and less often.
(function () {
  "use strict";
  var FIRST = 3000, LONGEST = 30000; // milliseconds without a question, after one that failed
  var pause = 0, silentUntil = 0;
  function isPoll(event) { return event.target instanceof Element && event.target.hasAttribute("data-poll"); }
  function askNow() {
    if (document.hidden) return;
    document.querySelectorAll("[data-poll]").forEach(function (live) {
      live.dispatchEvent(new Event("refresh"));
    });
  }
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (!isPoll(event)) return;
    var isTimed = !event.detail.requestConfig.triggeringEvent;
    if (document.hidden || (isTimed && Date.now() < silentUntil)) event.preventDefault();
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    if (!isPoll(event)) return;
    var isAnswered = event.detail.successful;
    pause = isAnswered ? 0 : Math.min(2 * pause || FIRST, LONGEST);
    silentUntil = Date.now() + pause;
    document.body.classList.toggle("is-stale", !isAnswered);
  });
  document.addEventListener("visibilitychange", askNow);
  window.addEventListener("online", askNow);
})();
