package lead

import "strings"

// ShownURL returns what may be shown of a URL: scheme, host and the first segment of the
// path. Of what follows it only shows that there is something, since the path of a catch
// hook is its secret, and often the query is a token.
func ShownURL(raw string) string {
	const hidden = "***"
	shown, path, query, hasQuery := splitURL(raw)
	if path != "" {
		shown += hidden
	}
	if hasQuery {
		shown += "?"
	}
	if query != "" {
		shown += hidden
	}
	return shown
}

// HiddenOfURL returns the parts of a URL that [ShownURL] hides: the rest of the path and the
// query, each maybe empty.
func HiddenOfURL(raw string) (path, query string) {
	_, path, query, _ = splitURL(raw)
	return path, query
}

// splitURL splits a URL behind the first segment of the path and before the query. A slash
// that is escaped ends the segment too, and so does a semicolon, behind which parameters
// follow (RFC 3986 §3.3).
func splitURL(raw string) (shown, path, query string, hasQuery bool) {
	raw, _, _ = strings.Cut(raw, "#")
	shown, query, hasQuery = strings.Cut(raw, "?")
	begin := strings.Index(shown, "://") + len("://")
	if begin < len("://") {
		begin = 0
	}
	slash := strings.IndexByte(shown[begin:], '/')
	if slash < 0 {
		return withoutUser(shown, begin), "", query, hasQuery
	}
	begin += slash + 1
	end := len(shown)
	for _, mark := range []string{"/", ";", `\`, "%2f", "%2F", "%5c", "%5C", "%3b", "%3B"} {
		if i := strings.Index(shown[begin:end], mark); i >= 0 {
			end = begin + i + len(mark)
		}
	}
	path = shown[end:]
	return withoutUser(shown[:begin], begin-slash-1) + shown[begin:end], path, query, hasQuery
}

// withoutUser hides the user info of a URL whose authority begins at an index. No webhook
// has one, but a CRM may redirect to such a URL.
func withoutUser(shown string, authority int) string {
	if i := strings.LastIndexByte(shown, '@'); i >= authority {
		return shown[:authority] + "***" + shown[i:]
	}
	return shown
}
