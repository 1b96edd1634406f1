package answer

import (
	"bytes"
	"iter"
	"strings"
)

// How much of a body is looked at for doubt: whoever says failure plainly says it at the
// beginning. A SOAP Fault has its namespaces before it.
const maxJSON, maxXML = 512, 1 << 10

// MaxDoubt is how many bytes of a body [Doubtful] looks at, at most.
const MaxDoubt = maxBefore + maxXML + maxJSON

// Doubtful reports whether a body plainly says failure: "success": false, or "status":
// "error", "rejected" or "failed" in JSON, <Success>false or a SOAP Fault in XML, the page with
// which a firewall answers in place of the CRM. It looks for certain texts, so that it costs little.
func Doubtful(body []byte) bool {
	body = InUTF8(body[:min(len(body), MaxDoubt)])
	start := bytes.IndexAny(body[:min(len(body), maxBefore)], "{[<")
	if start < 0 {
		return false
	}
	if body = body[start:]; body[0] == '<' {
		xml := body[:min(len(body), maxXML)]
		if saysXML(xml, "uccess>", "false") || hasFault(xml) || isBlockPage(xml) {
			return true
		}
		if start = bytes.IndexByte(xml, '{'); start < 0 { // PHP writes its warnings, in HTML, before the JSON
			return false
		}
		body = body[start:]
	}
	body = body[:min(len(body), maxJSON)]
	return saysJSON(body, `uccess"`, "false") || saysJSON(body, `tatus"`, "error", "rejected", "failed")
}

// isBlockPage reports whether a page is one that Imperva or F5 answers with, as a rule with
// status 200.
func isBlockPage(page []byte) bool {
	return bytes.Contains(page, []byte("_Incapsula_Resource")) || bytes.Contains(page, []byte("The requested URL was rejected"))
}

const maxBefore = 32 // bytes before JSON or XML begins, such as the length of a chunk

// places returns what stands before and behind each place in a body where a text stands,
// before it only as far back as the place before.
func places(body []byte, text string) iter.Seq2[[]byte, []byte] {
	return func(yield func(before, behind []byte) bool) {
		for found := true; found; {
			var before []byte
			if before, body, found = bytes.Cut(body, []byte(text)); !found || !yield(before, body) {
				return
			}
		}
	}
}

// saysJSON reports whether a member has one of some values. name is without its first letter, which
// may be a capital one.
func saysJSON(body []byte, name string, values ...string) bool {
	for before, behind := range places(body, name) {
		rest, isMember := bytes.CutPrefix(bytes.TrimLeft(behind, " \t\r\n"), []byte(":"))
		rest = bytes.TrimPrefix(bytes.TrimLeft(rest, " \t\r\n"), []byte(`"`))
		if !isMember || !beginsIn(before, `"`) {
			continue
		}
		for _, value := range values {
			if beginsWith(rest, value) {
				return true
			}
		}
	}
	return false
}

// beginsIn reports whether a name's first letter, an s, ends a text, behind one of some
// characters.
func beginsIn(before []byte, behind string) bool {
	n := len(before)
	return n >= 2 && before[n-1]|0x20 == 's' && strings.IndexByte(behind, before[n-2]) >= 0
}

// saysXML is saysJSON for elements.
func saysXML(body []byte, name, value string) bool {
	for before, behind := range places(body, name) {
		if beginsIn(before, "<:") && beginsWith(bytes.TrimLeft(behind, " \t\r\n"), value) {
			return true
		}
	}
	return false
}

// beginsWith reports whether a text begins with a word, in any case.
func beginsWith(text []byte, word string) bool {
	return len(text) >= len(word) && bytes.EqualFold(text[:len(word)], []byte(word)) &&
		(len(text) == len(word) || !isLetter(text[len(word)]))
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c >= '0' && c <= '9' }

// hasFault reports whether there is an element Fault, in any namespace.
func hasFault(body []byte) bool {
	const name, longestPrefix = "Fault", 32
	for before, behind := range places(body, name) {
		if len(behind) > 0 && behind[0] != '>' && behind[0] != '/' && !isXMLBlank(behind[0]) {
			continue
		}
		before = before[max(0, len(before)-longestPrefix):]
		open := bytes.LastIndexByte(before, '<')
		if open < 0 {
			continue
		}
		prefix := before[open+1:]
		if len(prefix) == 0 || prefix[len(prefix)-1] == ':' && isXMLName(prefix[:len(prefix)-1]) {
			return true
		}
	}
	return false
}
