package attempt

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/leadhook/leadhook/lead"
)

// redirectWords returns where a Location field leads, compared with the webhook's URL. It is
// empty if that is not known. shown is what is kept of the field.
func redirectWords(r *Request, location, shown string) string {
	webhook := r.Target.hook.URL
	to, ok := lead.ResolveLocation(webhook, location)
	from, err := url.Parse(webhook)
	if !ok || err != nil {
		return ""
	}
	const notFollowed = "redirects are not followed; it leads to "
	if differences, same := compareURLs(from, to); same && len(differences) == 0 {
		return notFollowed + "the same address again: ask whoever runs the CRM"
	} else if same {
		return notFollowed + "the same address " + strings.Join(differences, " and ") + ": set that as the URL of the webhook"
	}
	switch {
	case to.Hostname() == "script.googleusercontent.com":
		return notFollowed + shown + ", as Google Apps Script answers when it has run: the webhook's answers can count that as delivered"
	case asksForLogin(to):
		return notFollowed + shown + ", where one logs in: check the authorization and the URL of the webhook"
	}
	return notFollowed + shown + ": set the URL at which leads are taken"
}

// compareURLs names the small things in which two URLs differ. It returns false if they differ
// in more.
func compareURLs(from, to *url.URL) (differences []string, same bool) {
	note := func(differs bool, words string) {
		if differs {
			differences = append(differences, words)
		}
	}
	note(from.Scheme != to.Scheme, "with "+to.Scheme+" in place of "+from.Scheme)
	fromHost, toHost := hostOf(from), hostOf(to)
	note(toHost == "www."+fromHost, "with www. before the name")
	note(fromHost == "www."+toHost, "without www. before the name")
	fromPath, toPath := cmp.Or(from.EscapedPath(), "/"), cmp.Or(to.EscapedPath(), "/")
	note(toPath == fromPath+"/", "with a slash at the end")
	note(fromPath == toPath+"/", "without the slash at the end")
	same = strings.TrimPrefix(fromHost, "www.") == strings.TrimPrefix(toHost, "www.") &&
		strings.TrimSuffix(fromPath, "/") == strings.TrimSuffix(toPath, "/") &&
		portOf(from) == portOf(to) && from.RawQuery == to.RawQuery
	return differences, same
}

func hostOf(u *url.URL) string { return strings.TrimSuffix(strings.ToLower(u.Hostname()), ".") }

// portOf returns a port, or "" if the scheme implies it.
func portOf(u *url.URL) string {
	if port := u.Port(); port != usualPorts[u.Scheme] {
		return port
	}
	return ""
}

// asksForLogin reports whether a URL is probably that of a page to log in at.
func asksForLogin(u *url.URL) bool {
	text := strings.ToLower(u.Hostname() + u.EscapedPath())
	for _, word := range []string{"login", "logon", "signin", "sign-in", "sign_in", "/sso", "accounts.google.com", "/oauth", "/auth"} {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}
