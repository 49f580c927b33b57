// Copy buttons: <button data-copy="id of the text" hidden>. Without this file they stay hidden, and
// the text beside them can be selected by hand; where the clipboard is not allowed it is selected.
(function () {
  "use strict";
  function select(source) {
    var range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }
  document.querySelectorAll("button[data-copy]").forEach(function (button) {
    var source = document.getElementById(button.dataset.copy);
    var said = button.parentElement.querySelector("[data-copied]");
    if (!source || !said) return;
    button.hidden = false;
    button.addEventListener("click", function () {
      var copying = navigator.clipboard ? navigator.clipboard.writeText(source.textContent) : Promise.reject();
      copying.then(function () { said.textContent = said.dataset.copied; }, function () {
        select(source);
        said.textContent = said.dataset.selected;
      });
    });
  });
})();
