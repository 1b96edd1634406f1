package receipt

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// Parse reads one receipt. It demands what identifies the receipt and what it is about, and
// ignores fields that it does not know. Of a later version ([Receipt.IsNewer]) it accepts
// types and outcomes that it does not know. Its error quotes nothing of the receipt.
func Parse(b []byte) (*Receipt, error) {
	r := &Receipt{}
	if err := json.Unmarshal(b, r); err != nil {
		return nil, fmt.Errorf("the receipt cannot be read: %w", bare(err))
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("the receipt cannot be used: %w", err)
	}
	return r, nil
}

// bare returns an error of encoding/json without the value that it quotes.
func bare(err error) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("its field %s has a value of another type", wrong.Field)
	}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is not JSON from byte %d on", syntax.Offset)
	}
	return errors.New("a place or a time in it is not as documented")
}

func (r *Receipt) check() error {
	switch {
	case r.Version < 1:
		return errors.New("it has no version")
	case r.Type == "":
		return errors.New("it has no type")
	case r.At.IsZero():
		return errors.New("it does not say when it was written (at)")
	}
	switch r.Type {
	case TypeRecord:
		return r.checkRecord()
	case TypeLateAttempt:
		return r.checkLateAttempt()
	case TypeNoWebhooks, TypeGap:
		return r.checkOffsets()
	}
	if r.IsNewer() {
		return nil
	}
	return errors.New("its type is not known")
}

func (r *Receipt) checkRecord() error {
	switch {
	case r.Place == Place{}:
		return errors.New("it does not say which record it is about (place)")
	case r.Outcome == "" && len(r.Deliveries) != 1:
		return errors.New("it has neither an outcome nor one delivery")
	case r.Outcome == Wanted && r.Wanted < len(r.Deliveries) || r.Wanted < 0:
		return errors.New("fewer webhooks wanted the event than there are deliveries (wanted)")
	case r.Outcome != "" && !slices.Contains(EventOutcomes, r.Outcome) && !r.IsNewer():
		return errors.New("its outcome is not known")
	}
	return r.checkDeliveries()
}

func (r *Receipt) checkLateAttempt() error {
	if (r.Place == Place{}) || len(r.Deliveries) != 1 || len(r.Deliveries[0].Attempts) != 1 {
		return errors.New("a late attempt has a place and one delivery with one attempt")
	}
	return r.checkDeliveries()
}

func (r *Receipt) checkDeliveries() error {
	for i := range r.Deliveries {
		d := &r.Deliveries[i]
		switch {
		case d.ID == "" || d.Webhook == "":
			return fmt.Errorf("delivery %d has no id or no webhook", i+1)
		case !slices.Contains(DeliveryOutcomes, d.Outcome) && (d.Outcome == "" || !r.IsNewer()):
			return fmt.Errorf("delivery %d has no outcome, or one that is not known", i+1)
		case d.Step < 0 || d.Made < 0 || d.Replays < 0:
			return fmt.Errorf("delivery %d has a count below zero", i+1)
		}
		for n := range d.Attempts {
			if err := d.Attempts[n].check(r.IsNewer()); err != nil {
				return fmt.Errorf("attempt %d of delivery %d %w", n+1, i+1, err)
			}
		}
	}
	return nil
}

func (a *Attempt) check(newer bool) error {
	switch {
	case a.Number < 1 || a.At.IsZero() || a.Millis < 0:
		return errors.New("has no number, time or duration")
	case !slices.Contains(AttemptOutcomes, a.Outcome) && (a.Outcome == "" || !newer):
		return errors.New("has no outcome, or one that is not known")
	}
	return nil
}

func (r *Receipt) checkOffsets() error {
	if r.Partition < 0 || r.Count < 1 || len(r.Offsets) == 0 {
		return errors.New("it does not say how many records of which partition it is about")
	}
	left := r.Count
	for _, o := range r.Offsets {
		exact := r.Type == TypeNoWebhooks
		if o.Topic == "" || o.First < 0 || o.Last < o.First || o.Count < 1 || exact && o.Count != o.Last-o.First+1 {
			return errors.New("it has offsets that are none")
		}
		if left -= o.Count; left < 0 {
			break
		}
	}
	if left != 0 {
		return errors.New("its offsets are not as many as it says (count)")
	}
	return nil
}
