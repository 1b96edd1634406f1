package seedfile

import (
	"encoding/binary"
	"encoding/json"
	"math"

	"github.com/leadhook/leadhook/lead"
)

// An Entry is a webhook and where it stands in its seed file. A seed has hundreds of
// thousands, so it is kept as one text of its fields, a third of what a [lead.Webhook] and
// its texts take.
type Entry struct {
	packed string
	At     Position
}

// NewEntry returns the entry of a webhook, with the fields that a seed file can have.
func NewEntry(h *lead.Webhook, at Position) Entry {
	b := make([]byte, 0, 256)
	for _, text := range []string{h.ID, h.Advertiser, h.URL, h.Authorization.Reveal(), h.AuthHeader, string(h.Trigger),
		string(h.Format), h.VendorName, h.ProviderName, h.ContentType, h.ClientCert.Reveal(), h.CA} {
		b = appendText(b, text)
	}
	b = append(b, byte(h.LeadTypes), flag(h.Active), flag(h.LegacyTLS))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(h.Rate))
	b = binary.AppendUvarint(b, uint64(len(h.SigningSecrets)))
	for _, secret := range h.SigningSecrets {
		b = appendText(b, secret.Reveal())
	}
	b = binary.AppendUvarint(b, uint64(len(h.Headers)))
	for name, value := range h.Headers {
		b = appendText(appendText(b, name), value.Reveal())
	}
	answers := []byte{}
	if h.Answers != nil {
		answers, _ = json.Marshal(h.Answers) // cannot fail: there is nothing in it but texts and whether
	}
	return Entry{string(append(binary.AppendUvarint(b, uint64(len(answers))), answers...)), at}
}

func flag(set bool) byte {
	if set {
		return 1
	}
	return 0
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// Webhook returns the webhook. Its texts are parts of the entry's.
func (e *Entry) Webhook() *lead.Webhook {
	p := packed(e.packed)
	h := &lead.Webhook{
		ID: p.text(), Advertiser: p.text(), URL: p.text(), Authorization: lead.Secret(p.text()), AuthHeader: p.text(),
		Trigger: lead.Trigger(p.text()), Format: lead.Format(p.text()), VendorName: p.text(), ProviderName: p.text(),
		ContentType: p.text(), ClientCert: lead.Secret(p.text()), CA: p.text(),
		LeadTypes: lead.LeadTypes(p.next(1)[0]), Active: p.next(1)[0] == 1, LegacyTLS: p.next(1)[0] == 1,
		Rate: math.Float64frombits(binary.LittleEndian.Uint64([]byte(p.next(8)))),
	}
	for range p.number() {
		h.SigningSecrets = append(h.SigningSecrets, lead.Secret(p.text()))
	}
	if n := p.number(); n > 0 {
		h.Headers = make(map[string]lead.Secret, n)
		for range n {
			name := p.text()
			h.Headers[name] = lead.Secret(p.text())
		}
	}
	if answers := p.text(); answers != "" {
		h.Answers = new(lead.Answers)
		_ = json.Unmarshal([]byte(answers), h.Answers) // it is what NewEntry wrote
	}
	return h
}

// ID returns the webhook's id.
func (e *Entry) ID() string {
	p := packed(e.packed)
	return p.text()
}

// Advertiser returns the webhook's advertiser.
func (e *Entry) Advertiser() string {
	p := packed(e.packed)
	p.text()
	return p.text()
}

// packed is what is left to be read of an entry's text.
type packed string

func (p *packed) next(n int) string {
	head := string((*p)[:n])
	*p = (*p)[n:]
	return head
}

func (p *packed) number() int {
	n, shift := 0, 0
	for {
		c := p.next(1)[0]
		n |= int(c&0x7f) << shift
		if c < 0x80 {
			return n
		}
		shift += 7
	}
}

func (p *packed) text() string { return p.next(p.number()) }

// Webhooks are the webhooks of all files of a seed.
type Webhooks []*Entry

// Len returns how many they are.
func (w Webhooks) Len() int { return len(w) }

// At returns one of them.
func (w Webhooks) At(i int) *lead.Webhook { return w[i].Webhook() }
