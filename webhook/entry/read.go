package entry

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/leadhook/leadhook/lead/jsonscan"
)

var errNotWritten = errors.New("its contents are not what leadhook writes")

// contents are the members of an advertiser's box, in its text. They are read in place:
// every lead whose advertiser is not cached waits for it, and encoding/json takes four
// times as long.
type contents struct{ version, webhooks, history []byte }

// openContents opens the box of an advertiser's entry. The error says why the whole entry
// cannot be used.
func openContents(boxes Boxes, advertiser string, e *Entry) (*contents, error) {
	if !IsAdvertiser(advertiser) {
		return nil, errors.New("it is not that of an advertiser, but something else in the topic")
	}
	plain, err := boxes.Open(e.Bound(advertiser), e.Box)
	if err != nil {
		return nil, err
	}
	plain = bytes.TrimSpace(plain)
	if !jsonscan.Valid(plain) || plain[0] != '{' {
		return nil, errNotWritten
	}
	var c contents
	for name, value := range jsonscan.Members(plain) {
		switch string(name) {
		case "v":
			c.version = value
		case "webhooks":
			c.webhooks = value
		case "history":
			c.history = value
		}
	}
	return &c, c.checkVersion()
}

// readWebhooks calls each with the webhooks in their order. It must not keep them.
func (c *contents) readWebhooks(each func(*webhookJSON)) error {
	if isNull(c.webhooks) {
		return nil
	}
	if c.webhooks[0] != '[' {
		return errNotWritten
	}
	for object := range jsonscan.Elements(c.webhooks) {
		var w webhookJSON
		if err := w.read(object); err != nil {
			return err
		}
		each(&w)
	}
	return nil
}

// read reads a stored webhook. Members that it does not know are those of a later version.
func (w *webhookJSON) read(object []byte) error {
	if object[0] != '{' {
		return errNotWritten
	}
	fields := reflect.ValueOf(w).Elem()
	for name, value := range jsonscan.Members(object) {
		index, known := webhookMembers[string(name)]
		if !known || isNull(value) {
			continue
		}
		if err := readValue(value, fields.FieldByIndex(index).Addr().Interface()); err != nil {
			return err
		}
	}
	return nil
}

// webhookMembers has, by the names of the members of a stored webhook, the indexes of the
// fields that they go into: what its tags say to encoding/json, which writes it.
var webhookMembers = members(reflect.TypeFor[webhookJSON]())

func members(of reflect.Type) map[string][]int {
	indexes := make(map[string][]int)
	for _, field := range reflect.VisibleFields(of) {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
			indexes[name] = field.Index
		}
	}
	return indexes
}

// readValue reads by hand what nearly every webhook has.
func readValue(value []byte, to any) error {
	switch to := to.(type) {
	case *string:
		return readText(value, to)
	case *[]string:
		return readTexts(value, to)
	case *bool:
		*to = value[0] == 't'
		return ifKind(value, 't', 'f')
	}
	return readOther(value, to)
}

// readText reads a text. It must be copied: the rest of the box is forgotten.
func readText(value []byte, to *string) error {
	if value[0] == '"' && bytes.IndexByte(value, '\\') < 0 && utf8.Valid(value) {
		*to = string(value[1 : len(value)-1])
		return nil
	}
	return readOther(value, to)
}

func readTexts(value []byte, to *[]string) error {
	if err := ifKind(value, '['); err != nil {
		return err
	}
	*to = nil
	for element := range jsonscan.Elements(value) {
		var text string
		if err := readText(element, &text); err != nil {
			return err
		}
		*to = append(*to, text)
	}
	return nil
}

func readOther(value []byte, to any) error {
	if json.Unmarshal(value, to) != nil {
		return errNotWritten
	}
	return nil
}

// ifKind returns an error unless a value begins with one of these.
func ifKind(value []byte, kinds ...byte) error {
	if bytes.IndexByte(kinds, value[0]) < 0 {
		return errNotWritten
	}
	return nil
}

// isNull reports whether a member says nothing.
func isNull(value []byte) bool { return len(value) == 0 || value[0] == 'n' }
