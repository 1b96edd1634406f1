package recovery

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/leadhook/leadhook/webhook/entry"
)

// entries are the values of entries by key.
type entries map[string][]byte

func (e entries) advertisers() int {
	n := 0
	for key := range e {
		if entry.IsAdvertiser(key) {
			n++
		}
	}
	return n
}

// epochs returns the given epochs and those that entries are of.
func (e entries) epochs(given []string) []string {
	all := slices.Clone(given)
	for _, value := range e {
		if stored, err := entry.Parse(value); err == nil {
			all = append(all, stored.Epoch)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// line is a line of the file: the entries are sealed in it as they are everywhere. The
// first one says whose they are.
type line struct {
	Of    string `json:"of,omitempty"`
	Key   string `json:"key,omitempty"`
	Value []byte `json:"value,omitempty"`
}

// readFile returns what an earlier recovery found, if it did not end.
func (r *Recovery) readFile() (entries, error) {
	found := make(entries)
	f, err := os.Open(r.File)
	if errors.Is(err, fs.ErrNotExist) {
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	for d := json.NewDecoder(bufio.NewReader(f)); ; {
		var l line
		switch err := d.Decode(&l); {
		case errors.Is(err, io.EOF):
			return found, nil
		case err != nil:
			return nil, fmt.Errorf("the file %s of an earlier recovery: %w", r.File, err)
		case l.Of == "":
			found[l.Key] = l.Value
		case l.Of != r.Of:
			return nil, fmt.Errorf("the file %s has the webhooks of another service, %s, whose recovery did not end: this is %s; name another --file",
				r.File, l.Of, r.Of)
		}
	}
}

// writeFile keeps what was found, for good before it returns.
func (r *Recovery) writeFile(found entries) error {
	f, err := os.CreateTemp(filepath.Dir(r.File), filepath.Base(r.File))
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	out := bufio.NewWriter(f)
	lines := json.NewEncoder(out)
	if err := lines.Encode(line{Of: r.Of}); err != nil {
		return errors.Join(err, f.Close())
	}
	for _, key := range slices.Sorted(maps.Keys(found)) {
		if err := lines.Encode(line{Key: key, Value: found[key]}); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	if err := errors.Join(out.Flush(), f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), r.File); err != nil {
		return err
	}
	return syncDir(filepath.Dir(r.File)) // else the name could be lost with a machine that fails
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
