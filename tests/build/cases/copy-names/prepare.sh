touch 'a b' "quo'te" 'dq"' 'back\slash' '$dollar' ./-dash '#' é 日本 🙂 "$(printf 'new\nline')" .wh.not
n=$(printf '%0255d' 0); echo $n >$n; d=$(printf '%0100d' 1); mkdir -p $d/$d; echo deep >$d/$d/f
rm .wh.not
