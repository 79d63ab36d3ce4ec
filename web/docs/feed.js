// Draws the feed's description, Chinese first. Everything that is shown comes from /asyncapi.json.
(() => {
  const SCHEMAS = "#/components/schemas/";
  const PARTS = [
    ["connect", "连接", "Connect"],
    ["requests", "请求", "Requests"],
    ["data", "数据", "Data"],
    ["types", "其中的类型", "Types within"],
    ["errors", "错误代码", "Error codes"],
    ["limits", "限制", "Limits"],
  ];

  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  const english = (text) => make("span", { lang: "en" }, ...marked(text));

  // `code` between backticks.
  const marked = (text) =>
    text.split("`").map((part, index) => (index % 2 ? make("code", {}, part) : document.createTextNode(part)));

  const paragraphs = (text, attributes) =>
    text
      .trim()
      .split(/\n\s*\n/)
      .map((part) => make("p", attributes, ...marked(part)));

  const nameOf = (reference) => reference.slice(reference.lastIndexOf("/") + 1);

  // What a value may be, in a few words; what has a name of its own is a link.
  const typeOf = (schema) => {
    if (schema.$ref) {
      const name = nameOf(schema.$ref);
      return [make("a", { href: `#type-${name}` }, name)];
    }
    if (schema.allOf) {
      return typeOf(schema.allOf[0]);
    }
    if ("const" in schema) {
      return [make("code", {}, JSON.stringify(schema.const))];
    }
    if (schema.enum) {
      return joined(schema.enum.map((value) => [make("code", {}, JSON.stringify(value))]));
    }
    if (schema.anyOf) {
      return joined(schema.anyOf.map(typeOf));
    }
    if (schema.type === "array") {
      if (Array.isArray(schema.items)) {
        return ["[", ...joined(schema.items.map(typeOf), ", "), "]"];
      }
      const most = schema.maxItems ? ` ≤ ${schema.maxItems}` : "";
      return schema.items ? ["[", ...typeOf(schema.items), `, …]${most}`] : ["[…]"];
    }
    return [`${schema.type ?? "any"}${bounds(schema)}`];
  };

  const bounds = (schema) => {
    if (schema.maxLength) {
      return ` ≤ ${schema.maxLength}`;
    }
    if (schema.minimum === undefined || schema.minimum < -1e9) {
      return "";
    }
    return schema.maximum === undefined || schema.maximum > 1e15
      ? ` ≥ ${schema.minimum}`
      : ` ${schema.minimum}–${schema.maximum}`;
  };

  const joined = (parts, between = " | ") => parts.flatMap((part, index) => (index ? [between, ...part] : part));

  const table = (columns, rows) =>
    make(
      "table",
      {},
      make("thead", {}, make("tr", {}, ...columns.map(([chinese, other, kind]) => make("th", { scope: "col", class: kind ?? "" }, chinese, " ", english(other))))),
      make("tbody", {}, ...rows),
    );

  const fields = (schema) =>
    table(
      [
        ["字段", "Field"],
        ["类型", "Type"],
        ["说明", "Meaning"],
      ],
      Object.entries(schema.properties).map(([name, value]) => {
        const needed = (schema.required ?? []).includes(name);
        const meaning = make("td", {}, ...marked(value["x-zh"] ?? ""));
        if (value.description) {
          meaning.append(english(value.description));
        }
        return make(
          "tr",
          {},
          make("td", needed ? { class: "needed" } : {}, make("code", {}, name)),
          make("td", { class: "type" }, ...typeOf(value)),
          meaning,
        );
      }),
    );

  // JSON that breaks its lines only where it has to.
  const written = (value, indent = "") => {
    const short = JSON.stringify(value);
    if (short.length + indent.length <= 72 || value === null || typeof value !== "object") {
      return short;
    }
    const deeper = `${indent}  `;
    const parts = Array.isArray(value)
      ? value.map((each) => deeper + written(each, deeper))
      : Object.entries(value).map(([name, each]) => `${deeper}${JSON.stringify(name)}: ${written(each, deeper)}`);
    const [open, close] = Array.isArray(value) ? "[]" : "{}";
    return `${open}\n${parts.join(",\n")}\n${indent}${close}`;
  };

  const titled = (tag, chinese, other, ...before) => make(tag, {}, ...before, chinese, " ", english(other));

  fetch("/asyncapi.json")
    .then((answer) => answer.json())
    .then((document_) => draw(document_))
    .catch(() => {
      document
        .getElementById("waiting")
        .replaceChildren("说明读不到，请刷新重试。 ", english("The description cannot be read: load the page again."));
    });

  const draw = (description) => {
    const { components, operations, servers, info } = description;
    const schemaOf = (message) => components.schemas[nameOf(message.payload.$ref)];
    const main = document.getElementById("feed");
    const contents = document.getElementById("contents");
    const parts = {};
    const lists = {};
    main.replaceChildren(
      ...paragraphs(info["x-zh"].description, {}),
      ...paragraphs(info.description, { lang: "en" }),
      make("p", {}, "* 必有的字段 ", english("A field that is always there")),
    );
    for (const [id, chinese, other] of PARTS) {
      const heading = titled("h2", chinese, other);
      heading.id = id;
      parts[id] = make("section", { "aria-labelledby": id }, heading);
      lists[id] = make("ul", {}, make("li", {}, make("a", { href: `#${id}`, class: "part" }, chinese, " ", english(other))));
      main.append(parts[id]);
      contents.append(lists[id]);
    }
    const panel = (part, id, name, ...children) => {
      parts[part].append(make("section", { class: "panel", id }, ...children));
      lists[part].append(make("li", {}, make("a", { href: `#${id}` }, name)));
    };

    const message = (name, heading) => {
      const told = components.messages[name];
      const found = [];
      if (heading) {
        found.push(titled("h4", told["x-zh"], told.title));
      }
      const schema = schemaOf(told);
      if (schema.description) {
        found.push(...paragraphs(schema.description, { lang: "en" }));
      }
      found.push(fields(schema));
      for (const example of told.examples) {
        found.push(make("pre", { tabindex: "0" }, written(example.payload)));
      }
      return found;
    };

    for (const [name, server] of Object.entries(servers)) {
      const port = server.variables.port.default;
      panel(
        "connect",
        `server-${name}`,
        name,
        make("h3", {}, make("code", {}, `ws://HOST:${port}/feed`), server["x-zh"]),
        make("p", { lang: "en" }, server.description),
      );
    }
    const coded = (told) => make("td", {}, ...marked(told["x-zh"]), english(told.description));
    const safe = Object.entries(components.securitySchemes);
    const offered = description.channels.feed.bindings.ws.headers.properties["Sec-WebSocket-Protocol"].enum;
    panel(
      "connect",
      "signing-in",
      "登录与编码",
      titled("h3", "登录与编码", "Signing in, and encodings"),
      table(
        [
          ["方式", "Way"],
          ["说明", "Meaning"],
        ],
        [
          ...safe.map(([name, scheme]) => make("tr", {}, make("td", {}, make("code", {}, name)), coded(scheme))),
          ...offered.map((name) =>
            make(
              "tr",
              {},
              make("td", {}, make("code", {}, name)),
              make("td", {}, name.endsWith("json") ? "JSON 文本帧（默认）" : "MessagePack 二进制帧", english(name.endsWith("json") ? "JSON in text frames, the default" : "MessagePack in binary frames")),
            ),
          ),
        ],
      ),
    );

    for (const [op, operation] of Object.entries(operations)) {
      const id = `operation-${op}`;
      if (operation.action === "receive") {
        const answers = operation.reply.messages.map((each) => nameOf(each.$ref));
        panel(
          "requests",
          id,
          op,
          titled("h3", operation["x-zh"], operation.summary, make("code", {}, op)),
          ...message(op, false),
          ...answers.filter((name) => name !== "error").flatMap((name) => message(name, true)),
        );
      } else if (op !== "send_signed_out") {
        const channel = op.slice("send_".length);
        const names = operation.messages.map((each) => nameOf(each.$ref));
        panel(
          "data",
          `channel-${channel}`,
          channel,
          titled("h3", operation["x-zh"], operation.summary, make("code", {}, channel)),
          ...names.flatMap((name) => message(name, names.length > 1)),
        );
      }
    }
    panel("requests", "operation-error", "error", titled("h3", "拒绝", "Refused", make("code", {}, "error")), ...message("error", false));

    const own = new Set(Object.values(components.messages).map((told) => nameOf(told.payload.$ref)));
    for (const [name, schema] of Object.entries(components.schemas)) {
      if (!own.has(name)) {
        const said = schema.description ? paragraphs(schema.description, { lang: "en" }) : [];
        panel("types", `type-${name}`, name, make("h3", {}, make("code", {}, name)), ...said, fields(schema));
      }
    }

    parts.errors.append(
      make(
        "section",
        { class: "panel" },
        table(
          [
            ["代码", "Code"],
            ["说明", "Meaning"],
          ],
          description["x-error-codes"].map((told) => make("tr", {}, make("td", {}, make("code", {}, told.code)), coded(told))),
        ),
      ),
    );
    parts.limits.append(
      make(
        "section",
        { class: "panel" },
        table(
          [
            ["名称", "Name"],
            ["值", "Value", "number"],
            ["说明", "Meaning"],
          ],
          description["x-limits"].map((told) =>
            make(
              "tr",
              {},
              make("td", {}, make("code", {}, told.name.slice(told.name.lastIndexOf(".") + 1))),
              make("td", { class: "number" }, told.value.toLocaleString("en-US")),
              coded(told),
            ),
          ),
        ),
      ),
    );

    // The address may name a part that has only just been drawn.
    if (location.hash) {
      document.getElementById(location.hash.slice(1))?.scrollIntoView();
    }
  };
})();
