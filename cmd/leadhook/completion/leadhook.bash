# Completion of leadhook for bash. In ~/.bashrc:
#   source <(leadhook completion bash)
_leadhook() {
  local line="${COMP_LINE:0:COMP_POINT}" words found last breaks before=
  read -ra words <<<"$line"
  case $line in *[[:space:]]) words+=("") ;; esac
  last="${words[${#words[@]}-1]}"
  # What bash takes for words of their own, at = and :, it does not want again.
  breaks="${COMP_WORDBREAKS//[^=:]/}"
  if [ -n "$breaks" ]; then before="${last%"${last##*[$breaks]}"}"; fi
  COMPREPLY=()
  while IFS= read -r found; do
    if [ "$found" = :files ]; then
      compopt -o default 2>/dev/null
      COMPREPLY=()
      return
    fi
    found="${found%%$'\t'*}"
    COMPREPLY+=("$(printf %q "${found#"$before"}")")
  done < <("${words[0]/#\~/$HOME}" __complete -- "${words[@]:1}" 2>/dev/null)
}
complete -F _leadhook leadhook
