// A group of panels, each under its heading, becomes tabs. Without this script they stand one below the other.
let count = 0;

function select(group, tab, focus) {
  for (const other of group.querySelectorAll('[role="tab"]')) {
    const on = other === tab;
    other.setAttribute("aria-selected", String(on));
    other.tabIndex = on ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !on;
  }
  if (focus) tab.focus();
}

function onKey(event, group) {
  const tabs = [...group.querySelectorAll('[role="tab"]')];
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const at = tabs.indexOf(event.target);
  select(group, tabs[(at + step + tabs.length) % tabs.length], true);
}

for (const group of document.querySelectorAll("[data-tabs]")) {
  const list = document.createElement("div");
  list.className = "tabs__list";
  list.setAttribute("role", "tablist");
  list.setAttribute("aria-label", group.dataset.tabs);
  for (const panel of group.querySelectorAll(":scope > div")) {
    const tab = document.createElement("button");
    tab.type = "button";
    tab.id = `tab-${(count += 1)}`;
    tab.textContent = panel.querySelector("h3").textContent;
    panel.id ||= `panel-${count}`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", tab.id);
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", panel.id);
    tab.addEventListener("click", () => select(group, tab, false));
    list.append(tab);
  }
  list.addEventListener("keydown", (event) => onKey(event, group));
  group.prepend(list);
  group.dataset.ready = "";
  select(group, list.firstElementChild, false);
}
