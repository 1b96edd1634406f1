#compdef leadhook
# Completion of leadhook for zsh. In ~/.zshrc, after compinit:
#   source <(leadhook completion zsh)
# or, in a directory of $fpath, a file _leadhook with this in it.
_leadhook() {
  local line
  local -a found
  for line in "${(@f)$("${words[1]/#\~/$HOME}" __complete -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :files ]]; then
      _files
      return
    fi
    [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  _describe -t leadhook leadhook found
}
if [[ $funcstack[1] == _leadhook ]]; then
  _leadhook "$@"
else
  compdef _leadhook leadhook
fi
