// What gradio's own markup says wrongly, or not at all, to a screen reader, put right whenever it changes.
() => {
  const words = document.documentElement.lang.startsWith("de") ? ["Vorher", "Nachher"] : ["Before", "After"];
  const titles = words[0] === "Vorher" ? { Error: "Das ging nicht", Info: "Hinweis", Warning: "Achtung" } : {};
  const busy = "Gerade ist hier viel los. Versuchen Sie es in einer Minute wieder.";
  const set = (element, name, value) => {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  };
  const mend = () => {
    // both pictures of the slider come without words
    for (const slider of document.querySelectorAll(".slider")) {
      slider.querySelectorAll("img").forEach((image, k) => set(image, "alt", words[k] ?? ""));
    }
    // a thumbnail with a caption is called by it, and its picture need not repeat it
    for (const thumbnail of document.querySelectorAll(".thumbnail-item, .thumbnail-small")) {
      const caption = thumbnail.querySelector(".caption-label")?.textContent.trim();
      const image = thumbnail.querySelector("img");
      if (caption) set(thumbnail, "aria-label", caption);
      else if (image?.alt) set(thumbnail, "aria-label", image.alt);
      if (image && (caption || image.alt)) set(image, "alt", "");
    }
    // what is written on a drop area is its name
    document.querySelectorAll(".upload-container[aria-label]:not(.icon-mode)").forEach((area) => area.removeAttribute("aria-label"));
    // gradio's own word over a message
    for (const title of document.querySelectorAll(".toast-title")) {
      const said = titles[title.textContent.trim()];
      if (said) title.textContent = said;
    }
    // and what it says where too many wait, which no server's word replaces
    for (const text of document.querySelectorAll(".toast-message-text")) {
      if (titles.Error && text.textContent.trim().startsWith("This application is currently busy")) text.textContent = busy;
    }
    document.querySelectorAll(".empty[aria-label]:not([role])").forEach((place) => set(place, "role", "img"));
  };
  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      mend();
    });
  }).observe(document.body, { childList: true, subtree: true });
  mend();
}
