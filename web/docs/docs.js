// Draws the API's description. Signed in at the terminal, "Try it out" works with the session's cookie: writes carry its token.
if (typeof SwaggerUIBundle === "undefined") {
  document.getElementById("missing").hidden = false;
} else {
  let csrfToken = null;

  const askWhoIAm = async () => {
    const answer = await fetch("/api/v1/sessions/current");
    csrfToken = answer.ok ? (await answer.json()).csrf_token : null;
  };

  SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#api",
    deepLinking: true,
    displayRequestDuration: true,
    docExpansion: "none",
    validatorUrl: null,
    requestInterceptor: async (request) => {
      if (request.method && request.method !== "GET") {
        await askWhoIAm();
        if (csrfToken !== null) {
          request.headers["X-CSRF-Token"] = csrfToken;
        }
      }
      return request;
    },
  });
}
