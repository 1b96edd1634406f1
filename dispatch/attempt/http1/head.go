package http1

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http/httpguts"
)

// errNotHTTP means that what came does not begin with a status line.
var errNotHTTP = errors.New("http1: the answer does not begin with a status line")

// A head is an answer up to its body. What the server has decided is in the status line,
// so that a readable one is an answer whatever follows. What follows it decides only where
// the answer ends. If that is in any doubt, the server and we might disagree about where
// the next answer begins, and one lead's answer would be taken for another's: the
// connection is not used again.
type head struct {
	status     int
	proto      string
	retryAfter string
	encoding   string
	fields     []HeaderField
	promised   time.Duration // see [Answer]

	length  int64 // Content-Length; -1: none
	chunked bool
	closes  bool // the server says that the connection ends with the answer
	stays   bool // it says that it does not
	odd     bool // something is not as RFC 9112 wants it
	cut     bool // it did not come to its end
}

// readHead reads the next head. It is an error if there is no readable status line.
func (c *conn) readHead(h *head) error {
	*h = head{length: -1}
	line, err := c.in.ReadSlice('\n')
	long := errors.Is(err, bufio.ErrBufferFull)
	switch {
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case err != nil && !long:
		return err
	case !h.readStatus(h.untilEnd(line)):
		return errNotHTTP
	}
	for !long || c.readRest(h) {
		line, err = c.in.ReadSlice('\n')
		if long = errors.Is(err, bufio.ErrBufferFull); err != nil && !long {
			break
		}
		field := h.untilEnd(line)
		if len(field) == 0 {
			return nil
		}
		if matters := h.readField(field); matters && long {
			h.odd = true // the value is not all of it
		}
	}
	h.cut, h.odd = true, true
	return nil
}

// readRest reads to the end of a line that is longer than the buffer. It returns false if
// the answer ends before that.
func (c *conn) readRest(h *head) bool {
	for {
		more, err := c.in.ReadSlice('\n')
		h.odd = h.odd || !printable(h.untilEnd(more))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err == nil
		}
	}
}

// untilEnd returns a line without its end, which the beginning of a long line does not have.
func (h *head) untilEnd(line []byte) []byte {
	text, ends := bytes.CutSuffix(line, []byte("\n"))
	if ends {
		var usual bool
		text, usual = bytes.CutSuffix(text, []byte("\r"))
		h.odd = h.odd || !usual
	}
	return text
}

// readStatus reads a status line (RFC 9112 §4). It returns false if that is not readable.
func (h *head) readStatus(line []byte) bool {
	proto, rest, _ := bytes.Cut(line, []byte(" "))
	code, _, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	status, isNumber := readNumber(code)
	if !isProto(proto) || len(code) != len("200") || !isNumber || status < 100 {
		return false
	}
	h.status, h.proto = status, "HTTP/1.1"
	if string(proto) != h.proto {
		h.proto = string(proto)
		h.odd = h.odd || h.proto != "HTTP/1.0"
	}
	h.odd = h.odd || rest[0] == ' ' || !printable(line)
	return true
}

// isProto reports whether b is a version, such as HTTP/1.1.
func isProto(b []byte) bool {
	_, _, ok := http.ParseHTTPVersion(string(b))
	return ok
}

// readField reads a field (RFC 9112 §5). It reports whether it is one of those that matter.
func (h *head) readField(line []byte) (matters bool) {
	h.odd = h.odd || !isField(line)
	name, value, _ := bytes.Cut(line, []byte(":"))
	value = bytes.Trim(value, " \t")
	switch {
	case isName(name, "Content-Length"):
		h.readLength(value)
	case isName(name, "Transfer-Encoding"):
		h.readEncoding(value)
	case isName(name, "Connection"):
		h.readConnection(value)
	case isName(name, "Keep-Alive"):
		h.promised = cmp.Or(h.promised, readTimeout(value))
	case isName(name, "Retry-After"):
		h.retryAfter = cmp.Or(h.retryAfter, string(value))
	case isName(name, "Content-Encoding"):
		h.encoding = cmp.Or(h.encoding, string(value))
	default:
		h.fields = keepField(h.fields, h.status, name, value)
		return false
	}
	return true
}

// isField reports whether a line is a field as it should be. One that goes on with the field
// before it is not.
func isField(line []byte) bool {
	name, value, hasValue := bytes.Cut(line, []byte(":"))
	return hasValue && httpguts.ValidHeaderFieldName(string(name)) && printable(value)
}

// readLength reads a Content-Length. Of several the largest counts: more of the body is
// read then.
func (h *head) readLength(value []byte) {
	n, err := strconv.ParseUint(string(value), 10, 63)
	h.odd = h.odd || err != nil || h.length >= 0
	if err == nil {
		h.length = max(h.length, int64(n))
	}
}

// readEncoding reads a Transfer-Encoding. Of HTTP/1.0 there is none, whatever is said.
func (h *head) readEncoding(value []byte) {
	last := bytes.TrimLeft(value[bytes.LastIndexByte(value, ',')+1:], " \t")
	h.odd = h.odd || h.chunked || h.proto == "HTTP/1.0" || !isName(value, "chunked")
	h.chunked = h.proto != "HTTP/1.0" && (h.chunked || isName(last, "chunked"))
}

func (h *head) readConnection(value []byte) {
	for len(value) > 0 {
		var option []byte
		option, value, _ = bytes.Cut(value, []byte(","))
		option = bytes.Trim(option, " \t")
		h.closes = h.closes || isName(option, "close")
		h.stays = h.stays || isName(option, "keep-alive")
	}
}

// ends reports whether the head says where the answer ends, in one way.
func (h *head) ends() bool {
	switch {
	case h.odd, h.chunked && h.length >= 0:
		return false
	case HasNoBody(h.status):
		return !h.chunked && h.length <= 0
	}
	return h.chunked || h.length >= 0
}

// keepsAlive reports whether the connection can be used again after the whole answer.
func (h *head) keepsAlive() bool {
	switch h.status {
	case http.StatusSwitchingProtocols, http.StatusMisdirectedRequest: // the connection does not lead to where it should
		return false
	}
	return h.ends() && !h.closes && (h.proto == "HTTP/1.1" || h.stays)
}

// isInterim reports whether another answer follows (RFC 9110 §15.2). After 101 none does:
// that ends HTTP on the connection.
func (h *head) isInterim() bool {
	return h.status/100 == 1 && h.status != http.StatusSwitchingProtocols
}
