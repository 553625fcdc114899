// How an independent parser (micromark with its extensions for GFM, and for emphasis beside Chinese, Japanese and Korean
// letters) reads a Markdown text: its leaf blocks in order, each with its text and marks, in the terms of tests/it/markdown.rs.
//
// If an Atlassian document cannot express something in Markdown, the difference is described here, once, in `Reader`.

import { fromMarkdown } from "mdast-util-from-markdown";
import { gfmFromMarkdown } from "mdast-util-gfm";
import { cjkFriendlyExtension } from "micromark-extension-cjk-friendly";
import { gfm } from "micromark-extension-gfm";

const SAFE = new Set(
  (
    "callto cvs dynamicsnav facetime feed file ftp ftps git gopher hipchat http https integrity irc irc6 itms " +
    "jamfselfservice magnet mailto mvn news nntp notes rdp scp sftp sip sips skype slack smb sourcetree ssh svn tel telnet " +
    "urn vnc whatsapp xmpp"
  ).split(" "),
);

const parse = (markdown) =>
  fromMarkdown(markdown, {
    extensions: [gfm(), cjkFriendlyExtension()],
    mdastExtensions: [gfmFromMarkdown()],
  });

/** Every node below a node, itself included. */
function* all(node) {
  yield node;
  for (const child of node.children ?? []) yield* all(child);
}

/** The leaf blocks of a text, whether it holds HTML, and why an Atlassian document cannot hold it. */
export function read(markdown) {
  const source = markdown.replace(/^\ufeff/, "").replaceAll(/\r\n?/g, "\n");
  const tree = parse(source);
  const reader = new Reader(source, tree);
  reader.blocks(tree.children, []);
  return {
    leaves: reader.leaves,
    html: [...all(tree)].some((node) => node.type === "html"),
    refused: reader.refused,
  };
}

class Reader {
  leaves = [];
  refused = null;

  constructor(source, tree) {
    this.source = source;
    this.definitions = new Map();
    this.referenced = new Set();
    for (const node of all(tree)) {
      if (node.type === "definition" && !this.definitions.has(node.identifier)) {
        this.definitions.set(node.identifier, node);
      }
      if (node.type === "linkReference" || node.type === "imageReference") {
        this.referenced.add(node.identifier);
      }
    }
  }

  blocks(nodes, path) {
    for (const node of nodes) this.block(node, path);
  }

  block(node, path) {
    const inside = path.at(-1)?.split(" ")[0];
    const nested = inside === "item" || inside === "quote";
    switch (node.type) {
      case "paragraph":
        return this.leaf("paragraph", path, this.runs(node.children));
      case "heading":
        // Items and quotes have no headings: strong text replaces a heading.
        return nested
          ? this.leaf("paragraph", path, this.runs(node.children, ["strong"]))
          : this.leaf(`heading ${node.depth}`, path, this.runs(node.children));
      case "code": {
        const info = [node.lang, node.meta].filter(Boolean).join(" ");
        return this.leaf(`code ${info}`.trim(), path, [[node.value, []]]);
      }
      case "html":
        return this.leaf("paragraph", path, this.html(node.value.trim(), []));
      case "thematicBreak":
        if (nested) this.refused ??= "a rule in a list item or quote";
        return this.leaf("rule", path, []);
      case "blockquote":
        // Neither may contain quotes: the content of a quote stays.
        return this.blocks(node.children, nested ? path : [...path, "quote"]);
      case "list":
        return this.list(node, path);
      case "table":
        if (nested) this.refused ??= "a table in a list item or quote";
        return node.children.forEach((row, at) => {
          // GFM: "empty cells are inserted" where a row has fewer than the header; the parser leaves them out.
          for (const column of node.children[0].children.keys()) {
            this.leaf(
              at === 0 ? "header" : "cell",
              [...path, `row ${at}`],
              this.runs(row.children[column]?.children ?? []),
            );
          }
        });
      case "footnoteDefinition":
        return this.footnote(node, path);
      case "definition":
        return this.definition(node, path);
      default:
        throw new Error(`a block that is not known: ${node.type}`);
    }
  }

  list(list, path) {
    const nested = path.at(-1) === "quote";
    let number = list.ordered ? list.start : null;
    let before = null;
    let at = 0;
    for (const item of list.children) {
      const task = typeof item.checked === "boolean";
      // Tasks and other items make lists of their own.
      if (before !== null && before !== task) at = 0;
      const start = at === 0 && !task && number !== null ? ` from ${number}` : "";
      if (task) {
        if (nested) this.refused ??= "tasks in a quote";
        this.task(item, [...path, `item ${at} task`]);
      } else {
        const kind = list.ordered ? `ordered${start}` : "bullet";
        this.blocks(item.children, [...path, `item ${at} ${kind}`]);
      }
      before = task;
      at += 1;
      if (number !== null) number += 1;
    }
  }

  task(item, path) {
    const texts = [];
    const rest = [...item.children];
    while (rest[0]?.type === "paragraph" || rest[0]?.type === "heading") texts.push(rest.shift());
    const runs = texts.flatMap((text, at) => [
      ...(at > 0 ? [["\n", []]] : []),
      ...this.runs(text.children, text.type === "heading" ? ["strong"] : []),
    ]);
    this.leaf(`task ${item.checked ? "DONE" : "TODO"}`, path, runs);
    for (const block of rest) {
      const tasks =
        block.type === "list" && block.children.every((task) => typeof task.checked === "boolean");
      if (!tasks) this.refused ??= "anything but text and further tasks in a task";
      this.block(block, path);
    }
  }

  footnote(node, path) {
    const label = this.slice(node).split("]:")[0];
    const [first, ...rest] = node.children;
    const prefix = [[`${label}]: `, []]];
    if (first?.type === "paragraph") {
      this.leaf("paragraph", path, [...prefix, ...this.runs(first.children)]);
      this.blocks(rest, path);
    } else {
      this.leaf("paragraph", path, prefix);
      this.blocks(node.children, path);
    }
  }

  /** A definition that no link uses would not be shown: it is text as it is written, its address a link. */
  definition(node, path) {
    const { identifier } = node;
    if (this.definitions.get(identifier) === node && this.referenced.has(identifier)) return;
    const written = this.slice(node).replaceAll("\n", " ");
    const [, label, address, rest] = /^(\[.*?[^\\]\]:\s*)(\S+)(.*)$/.exec(written);
    const link = parse(address).children[0]?.children?.[0];
    const bare =
      link?.type === "link" && link.position.end.offset === link.children[0].value.length;
    if (!bare) return this.leaf("paragraph", path, [[written, []]]);
    const text = link.children[0].value;
    const end = address.slice(text.length) + rest;
    return this.leaf("paragraph", path, [
      [label, []],
      [text, [`link ${link.url}`]],
      [end, []],
    ]);
  }

  leaf(kind, path, runs) {
    const merged = [];
    for (const [text, marks] of runs) {
      const last = merged.at(-1);
      if (last && JSON.stringify(last[1]) === JSON.stringify(marks)) last[0] += text;
      else if (text !== "") merged.push([text, marks]);
    }
    if (merged.length > 0 || kind !== "paragraph") this.leaves.push({ kind, path, runs: merged });
  }

  /** Text with its marks: each run is its text and the sorted names of its marks. */
  runs(nodes, marks = []) {
    return nodes.flatMap((node) => this.inline(node, marks));
  }

  inline(node, marks) {
    const named = (name) => (marks.includes(name) ? marks : [...marks, name].sort());
    switch (node.type) {
      case "text":
        return [[this.text(node), marks]];
      case "emphasis":
        return this.runs(node.children, named("em"));
      case "strong":
        return this.runs(node.children, named("strong"));
      case "delete":
        return this.runs(node.children, named("strike"));
      case "inlineCode": {
        // Code has no emphasis there.
        const links = marks.filter((mark) => mark.startsWith("link "));
        return [[node.value.replaceAll("\n", " "), ["code", ...links]]];
      }
      case "break":
        return [["\n", []]];
      case "html":
        return this.html(node.value, marks);
      case "footnoteReference":
        return [[this.slice(node), marks]];
      case "link":
      case "linkReference":
      case "image":
      case "imageReference":
        return this.link(node, marks);
      default:
        throw new Error(`an inline that is not known: ${node.type}`);
    }
  }

  /** A text in one line; the end of a line that is written as an entity stays. */
  text(node) {
    const broken = !node.position || this.slice(node).includes("\n");
    return broken ? node.value.replaceAll("\n", " ") : node.value;
  }

  /** HTML is text, but for the line break. */
  html(value, marks) {
    return value
      .replaceAll("\n", " ")
      .split(/<br ?\/?>/)
      .flatMap((part, at) => [...(at > 0 ? [["\n", []]] : []), [part, marks]]);
  }

  link(node, marks) {
    const { url, title } = node.type.endsWith("Reference")
      ? this.definitions.get(node.identifier)
      : node;
    const image = node.type.startsWith("image");
    const scheme = /^\s*([A-Za-z][A-Za-z0-9+.-]*):/.exec(url)?.[1].toLowerCase();
    const safe = scheme === undefined || SAFE.has(scheme);
    const written = node.position ? this.slice(node) : "";
    if (written.startsWith("<")) {
      if (!safe) return [[written, marks]];
      // The whole address between angle brackets is an inline card.
      if (scheme === "http" || scheme === "https") return [[`<${url}>`, []]];
    }
    // The oracle looks for addresses in finished text, too, where an escape was in the source.
    if (!node.position && !this.source.includes(node.children[0].value)) {
      return this.runs(node.children, marks);
    }
    if (!safe) return this.verbatim(node, written, image, marks);
    const outer = marks.find((mark) => mark.startsWith("link "));
    const own = `link ${url}${title ? ` ${JSON.stringify(title)}` : ""}`;
    const linked = outer || url === "" ? marks : [...marks, own].sort();
    const content = image ? this.alt(node, linked) : this.runs(node.children, linked);
    const empty = content.every(([text]) => text === "");
    // A link without text would not be there; an image in a link would lose its address.
    if (empty && url !== "") return [[url, linked]];
    if (!(image && outer && url !== "")) return content;
    const others = marks.filter((mark) => mark !== outer);
    return [...content, [" (", others], [url, [...others, `link ${url}`].sort()], [")", others]];
  }

  /** An image's description with its marks, which the tree does not have. */
  alt(node, marks) {
    const source = this.slice(node).slice(2);
    const plain = !/[*_`~[<\\&!]/.test(node.alt ?? "") && !/[*_`~<[\\&]/.test(source.split("]")[0]);
    if (plain) return [[(node.alt ?? "").replaceAll("\n", " "), marks]];
    let depth = 1;
    let end = 0;
    for (; end < source.length && depth > 0; end += 1) {
      if (source[end] === "\\") end += 1;
      else if (source[end] === "[") depth += 1;
      else if (source[end] === "]") depth -= 1;
    }
    const reader = new Reader(source.slice(0, end - 1), parse(source.slice(0, end - 1)));
    reader.definitions = this.definitions;
    const paragraph = parse(source.slice(0, end - 1)).children[0];
    return paragraph ? reader.runs(paragraph.children, marks) : [];
  }

  /** A link to an address that no document may link to, as it is written. */
  verbatim(node, written, image, marks) {
    const begin = image ? "![" : "[";
    const content = image ? this.alt(node, marks) : this.runs(node.children, marks);
    const text = image ? (node.alt ?? "") : null;
    const end = image
      ? written.slice(2 + text.length)
      : this.source.slice(
          node.children.at(-1)?.position.end.offset ?? node.position.start.offset + 1,
          node.position.end.offset,
        );
    return [[begin, marks], ...content, [end.replaceAll("\n", " "), marks]];
  }

  slice(node) {
    return this.source.slice(node.position.start.offset, node.position.end.offset);
  }
}
