package answer

import (
	"bytes"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// InUTF8 returns a body without a byte order mark, in UTF-8 if it is in UTF-16, as some
// servers for Windows send it.
func InUTF8(body []byte) []byte {
	if order := orderOf(body); order != nil {
		body = fromUTF16(body, order)
	}
	return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
}

// orderOf returns the byte order of a body in UTF-16, or nil if it is not. Without a byte order
// mark it shows in the upper bytes of what is in ASCII, which are zero: no charset need be
// believed.
func orderOf(body []byte) binary.ByteOrder {
	switch {
	case bytes.HasPrefix(body, []byte("\xff\xfe")):
		return binary.LittleEndian
	case bytes.HasPrefix(body, []byte("\xfe\xff")):
		return binary.BigEndian
	}
	const looked, few = 64, 2 // bytes; a zero may end a text in UTF-8
	head := body[:min(len(body), looked)]
	zeros := bytes.Count(head, []byte{0})
	if zeros < few || zeros < len(head)/4 {
		return nil
	}
	var odd int
	for i, c := range head {
		if c == 0 && i%2 == 1 {
			odd++
		}
	}
	switch odd {
	case zeros:
		return binary.LittleEndian
	case 0:
		return binary.BigEndian
	}
	return nil
}

func fromUTF16(body []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, len(body)/2)
	for i := range units {
		units[i] = order.Uint16(body[2*i:])
	}
	text := make([]byte, 0, len(units))
	for _, r := range utf16.Decode(units) {
		text = utf8.AppendRune(text, r)
	}
	return text
}
