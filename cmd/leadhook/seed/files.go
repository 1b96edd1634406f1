package seed

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// seedFiles returns the files that names stand for. A directory stands for all seed
// files in it and in the directories below it, in the order of their paths. Names
// that begin with a dot are skipped, and so are directories that are symbolic
// links: Kubernetes has mounted files under both.
func seedFiles(names []string) ([]string, error) {
	var files []string
	var errs []error
	for _, name := range names {
		if info, err := os.Stat(name); name == "-" || err != nil || !info.IsDir() {
			files = append(files, name) // reading it fails with the reason
			continue
		}
		below, err := seedFilesBelow(name)
		if err == nil && len(below) == 0 {
			err = fmt.Errorf("%s has no *.yaml, *.yml or *.json file in it", name)
		}
		errs = append(errs, err)
		files = append(files, below...)
	}
	return files, errors.Join(errs...)
}

func seedFilesBelow(dir string) ([]string, error) {
	var files []string
	root := dir + string(filepath.Separator) // works for a symbolic link too
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case path == root:
		case strings.HasPrefix(entry.Name(), "."):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)) && isFile(path):
			files = append(files, path)
		}
		return nil
	})
	return files, err
}

// isFile follows a symbolic link. A broken one counts as a file, which cannot be
// read.
func isFile(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Mode().IsRegular()
}
