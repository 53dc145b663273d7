# Runs in the workshop. Before it stand lines like
#   age vda1 vfat utf8=1,iocharset=utf8 60 24000 brim
# and one word that says what to do with them: age, or hash.

# Files of many sizes in a few folders.
make_files() { # first, last, bytes of the largest
  number=$1
  while [ $number -lt $2 ]; do
    head -c $(( (number * 7919 + 13) % $3 )) /dev/urandom > /m/folder-$((number % 5))/inner-$((number % 3))/file-$number
    number=$((number + 1))
  done
}

hash_files() { # partition
  cd /m
  find . -type f -print0 | sort -z | xargs -0 sha256sum | sed "s|^|$1 |"
  cd /
}

age() { # partition, type, options, files, bytes of the largest, "brim" or "loose"
  echo "# $1 $2" 
  mount -t $2 -o $3 /dev/$1 /m
  for folder in 0 1 2 3 4; do mkdir -p /m/folder-$folder/inner-0 /m/folder-$folder/inner-1 /m/folder-$folder/inner-2; done
  make_files 0 $4 $5
  # Several that grow in turn lie in each other's way.
  for round in 1 2 3 4; do
    for grown in a b c; do head -c $(( $5 / 3 + round * 1000 )) /dev/urandom >> /m/grown-$grown; done
    sync
  done
  if [ $6 = brim ]; then
    # To the last cluster: what does not fit is refused.
    cat /dev/urandom > /m/filler 2>/dev/null || true
    sync
  fi
  rm /m/folder-*/inner-*/file-*[147]
  rm -r /m/folder-2
  rm /m/grown-b
  # Into the holes.
  head -c $(( $4 * $5 / 12 )) /dev/urandom > /m/long
  rm -f /m/filler
  umount /m
  mount -t $2 -o $3 /dev/$1 /m
  # A second life.
  mkdir -p "/m/Ünïcode – 漢字" /m/folder-2/inner-0 /m/folder-2/inner-1 /m/folder-2/inner-2
  echo small > "/m/Ünïcode – 漢字/a rather long name, longer than any of those that were eight letters, a dot and three more.text"
  make_files $4 $(( $4 + $4 / 3 )) $5
  mv /m/folder-1/inner-0 "/m/Ünïcode – 漢字/moved"
  truncate -s $(( $5 / 5 )) /m/grown-a
  : > /m/empty
  sync
  umount /m
  mount -t $2 -o ro,$3 /dev/$1 /m
  hash_files $1
  umount /m
}

# Synced, and then the power fails.
cut_off() { # partition, type, options, bytes
  echo "# $1 $2, cut off"
  mkdir -p /cut/$1
  mount -t $2 -o $3 /dev/$1 /cut/$1
  head -c $4 /dev/urandom > /cut/$1/first
  head -c $4 /dev/urandom > /cut/$1/second
  sync
  rm /cut/$1/first
  head -c $(( $4 / 2 )) /dev/urandom > /cut/$1/third
  sync
  cd /cut/$1
  sha256sum ./second ./third | sed "s|^|$1 |"
  cd /
}

hash() { # partition, type, options
  echo "# $1 $2, read again"
  mount -t $2 -o ro,$3 /dev/$1 /m
  hash_files $1
  umount /m
}
