// Makes and fills elements. Text goes in as text, never as markup.

const svgNamespace = 'http://www.w3.org/2000/svg';

export const byId = id => document.getElementById(id);

/** An element with a class, text and children. */
export const element = (name, className = '', text = '', ...children) => {
  const made = document.createElement(name);
  if (className) {
    made.className = className;
  }

  made.append(...(text ? [text] : []), ...children);
  return made;
};

/** An SVG element with attributes. */
export const svg = (name, attributes) => {
  const made = document.createElementNS(svgNamespace, name);
  for (const [key, value] of Object.entries(attributes)) {
    made.setAttribute(key, value);
  }

  return made;
};

/** Writes a figure: its text for people, its value for programs. */
export const figure = (id, value, format) => {
  const data = byId(id);
  const text = format(value);
  data.value = value ?? '';
  if (data.textContent !== text) {
    data.textContent = text;
  }
};

/** A bar filled to a share. */
export const bar = share => {
  const fill = element('span');
  fill.style.width = `${share * 100}%`;
  return element('span', 'bar', '', fill);
};
