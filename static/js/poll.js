// Live refresh: a hidden tab asks nothing, a visible one catches up at once, and a page that can
// no longer reach the server says so instead of looking fresh.
(function () {
  "use strict";
  function isPoll(event) { return event.target instanceof Element && event.target.hasAttribute("data-poll"); }
  document.addEventListener("htmx:beforeRequest", function (event) {
    if (document.hidden && isPoll(event)) event.preventDefault();
  });
  document.addEventListener("visibilitychange", function () {
    if (!document.hidden) document.querySelectorAll("[data-poll]").forEach(function (live) {
      live.dispatchEvent(new Event("refresh"));
    });
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    if (isPoll(event)) document.body.classList.toggle("is-stale", !event.detail.successful);
  });
})();
