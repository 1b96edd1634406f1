package lead

import (
	"net/url"
	"strings"
)

// ShownLocation returns what may be shown of where an answer's Location field leads, which
// may be relative to the webhook's URL: scheme, host and the first segment of the path. Of
// what follows that it only shows that there is something, and of a query nothing. It
// returns false if the field is not the URL of a web server.
//
// A segment that is part of the webhook's own secret path or query is not shown, nor one
// that is no usual name: it may be a token, or quote the lead.
func ShownLocation(webhook, location string) (string, bool) {
	to, ok := ResolveLocation(webhook, location)
	if !ok {
		return "", false
	}
	segment, rest, _ := strings.Cut(strings.TrimPrefix(to.EscapedPath(), "/"), "/")
	path, query := HiddenOfURL(webhook)
	switch {
	case segment != "" && (!usualSegment(segment) || len(segment) > 3 && strings.Contains(path+query, segment)):
		segment = Masked
	case segment != "" && rest != "":
		segment += "/" + Masked
	case segment == "" && rest != "":
		segment = Masked
	}
	return to.Scheme + "://" + strings.ToLower(to.Host) + "/" + segment, true
}

// ResolveLocation returns where a Location field leads, without a fragment and user info. It
// returns false if that is not the URL of a web server, with a usual name and port.
func ResolveLocation(webhook, location string) (*url.URL, bool) {
	base, err := url.Parse(webhook)
	if err != nil || location == "" {
		return nil, false
	}
	to, err := base.Parse(location)
	if err != nil || to.Scheme != "http" && to.Scheme != "https" || !usualHost(to.Host) {
		return nil, false
	}
	to.User, to.Fragment, to.RawFragment = nil, "", ""
	return to, true
}

const maxHostShown, maxSegmentShown = 253 + len(":65535"), 32 // bytes

func usualHost(host string) bool {
	return host != "" && len(host) <= maxHostShown && strings.Trim(host, hostCharacters) == "" && (&url.URL{Host: host}).Hostname() != ""
}

const letters, digits = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
const hostCharacters, segmentCharacters = letters + digits + ".-:[]", letters + digits + "._-"

// usualSegment reports whether a segment is a name as programmers give them. With seven
// digits it may be a phone number.
func usualSegment(s string) bool {
	if len(s) > maxSegmentShown || strings.Trim(s, segmentCharacters) != "" {
		return false
	}
	count := 0
	for _, c := range s {
		if '0' <= c && c <= '9' {
			count++
		}
	}
	return count < 7
}
