package entry

import "errors"

// ownerJSON is the contents of the box of a webhook's id.
type ownerJSON struct {
	Advertiser string `json:"advertiser"`
}

// SealOwner returns the entry that says which advertiser the id of a webhook belongs to.
func SealOwner(boxes Boxes, webhook string, stamp Stamp, advertiser string) (*Entry, error) {
	return seal(boxes, IDKey(webhook), stamp, &ownerJSON{advertiser})
}

// ReadOwner is [OpenOwner] of an entry as it is stored.
func ReadOwner(boxes Boxes, webhook string, value []byte) (advertiser string, err error) {
	e, err := Parse(value)
	if err != nil {
		return "", err
	}
	return OpenOwner(boxes, webhook, &e)
}

// OpenOwner returns the advertiser that the id of a webhook belongs to.
func OpenOwner(boxes Boxes, webhook string, e *Entry) (advertiser string, err error) {
	var owner ownerJSON
	if err := open(boxes, IDKey(webhook), e, &owner); err != nil {
		return "", err
	}
	if !IsAdvertiser(owner.Advertiser) {
		return "", errors.New("it names no advertiser, but something else in the topic")
	}
	return owner.Advertiser, nil
}
