package attempt

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"io"
	"net/http"
	"net/http/httputil"
	"net/textproto"
	"strconv"
	"strings"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// Judge returns what a recorded answer would count as: a status line, a header and a body,
// as curl -i shows them. Nothing is sent. It is the answer to a first attempt.
//
// It is judged as [Client.Do] judges one that comes in, with two exceptions: all of a
// recorded body has come, in time and to its end; and it may be unpacked, or its chunks be
// put together, although the header says otherwise.
func (r *Request) Judge(recorded []byte) (Outcome, *Observation, error) {
	a, err := readRecorded(recorded)
	if err != nil {
		return Outcome{}, nil, err
	}
	o := answered(r, a)
	if o.Verdict == Delivered {
		o.keep(r, a)
	}
	return o, &Observation{Protocol: a.Proto, Head: plainHead(a, maxHead)}, nil
}

var errRecorded = errors.New("it is not an answer: it must have a status line such as HTTP/1.1 200 OK, then a header, " +
	"an empty line and the body, as curl -i shows them")

// readRecorded reads a recorded answer, behind any 1xx answers.
func readRecorded(recorded []byte) (*http1.Answer, error) {
	in := bufio.NewReader(bytes.NewReader(recorded))
	for {
		text := textproto.NewReader(in)
		line, err := text.ReadLine()
		if err != nil {
			return nil, errRecorded
		}
		proto, rest, _ := strings.Cut(line, " ")
		code, _, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
		status, err := strconv.Atoi(code)
		if err != nil || len(code) != len("200") || status < 100 || !strings.HasPrefix(proto, "HTTP/") {
			return nil, errRecorded
		}
		header := readFields(text)
		if status/100 == 1 && status != 101 {
			continue
		}
		a := &http1.Answer{Status: status, Proto: proto, RetryAfter: cmp.Or(header["Retry-After"]...), Fields: http1.KeepFields(status, http.Header(header))}
		if !http1.HasNoBody(status) {
			body, _ := io.ReadAll(in) // from memory
			a.Body = recordedBody(body, header)
		}
		a.Encoding = cmp.Or(header["Content-Encoding"]...)
		a.Whole = len(a.Body) <= answer.MaxBody
		return a, nil
	}
}

// readFields reads the lines up to the empty one. Those that are no fields are passed over, as
// they are where an answer comes from a CRM.
func readFields(in *textproto.Reader) textproto.MIMEHeader {
	header := textproto.MIMEHeader{}
	for {
		line, err := in.ReadLine()
		if err != nil || line == "" {
			return header
		}
		if name, value, isField := strings.Cut(line, ":"); isField {
			header.Add(name, strings.TrimSpace(value))
		}
	}
}

// recordedBody returns the body in what comes behind a header. Whoever recorded it may have
// put chunks together and unpacked it; what an editor added behind it is left out.
func recordedBody(rest []byte, header textproto.MIMEHeader) []byte {
	if strings.EqualFold(header.Get("Transfer-Encoding"), "chunked") {
		if joined, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(rest))); err == nil {
			return joined
		}
	}
	if n, err := strconv.Atoi(header.Get("Content-Length")); err == nil && n >= 0 && n < len(rest) && header.Get("Content-Encoding") == "" {
		return rest[:n]
	}
	return rest
}
