// Ages and countdowns tick in the browser, so that the server need not send them again.
// <time data-age datetime="…">; the words stand in <meta name="age-words">, in the page's language.
(function () {
  "use strict";
  var meta = document.querySelector('meta[name="age-words"]');
  if (!meta) return;
  var words = meta.content.split("|"); // past, future, now, passed, seconds, minutes, hours, days
  function amount(seconds) {
    if (seconds < 60) return words[4].replace("#", Math.floor(seconds));
    if (seconds < 3600) return words[5].replace("#", Math.floor(seconds / 60));
    if (seconds < 172800) return words[6].replace("#", Math.floor(seconds / 3600));
    return words[7].replace("#", Math.floor(seconds / 86400));
  }
  function tick() {
    if (document.hidden) return;
    document.querySelectorAll("time[data-age]").forEach(function (time) {
      var age = (Date.now() - Date.parse(time.dateTime)) / 1000;
      var text = time.dataset.age === "due"
        ? (age >= 0 ? words[3] : words[1].replace("*", amount(-age)))
        : (age < 5 ? words[2] : words[0].replace("*", amount(age)));
      if (time.textContent !== text) time.textContent = text;
    });
  }
  setInterval(tick, 1000);
})();
