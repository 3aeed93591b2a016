# Lua, built by gcc and make of its source in /src; a file touched and built again; its checks.
set -e
cp -r /src/lua5.4-* lua
cd lua/src
make -j2 MYCFLAGS= MYLDFLAGS= linux-readline 2>&1 | grep -c '^gcc .* -c'
sleep 1
touch lstrlib.c
make -j2 linux-readline 2>&1 | grep -o '^gcc .* -c.*'
size lua | awk 'NR == 2 { print ($1 > 100000) }'
cat >try.lua <<'END'
print(_VERSION, 7 // 2, 7 // 2.0, 1 << 62, math.maxinteger + 1 == math.mininteger)
print(("x"):rep(3, ","), ("%5.2f|%-5d|%x"):format(3.14159, 42, 255), ("key = value"):match("(%w+)%s*=%s*(%w+)"))
local lines = {}
for number = 1, 200000 do lines[number] = (number * 7919) % 200003 end
table.sort(lines)
print(#lines, lines[1], lines[100000], lines[#lines])
local made = {}
for turn = 1, 3 do
  for number = 1, 100000 do made[number] = { number, tostring(number) } end
  collectgarbage()
end
print(collectgarbage("count") > 1000)
local co = coroutine.wrap(function() for number = 1, 3 do coroutine.yield(number) end error("end") end)
print(co(), co(), co(), pcall(co))
print(pcall(string.rep, "x", -1), select("#", table.unpack({}, 1, 100)))
print(string.pack("<i4z", 7, "text"):byte(1, -1))
print(utf8.char(228, 8364, 128512), utf8.len("äöü"))
do local closed <close> = setmetatable({}, { __close = function() print("closed") end }) end
local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
print(deep(10000), pcall(function() local function f() return 1 + f() end return f() end))
local file = assert(io.open("out", "w"))
for number = 1, 1000 do file:write(number, "\n") end
file:close()
local sum = 0
for line in io.lines("out", "n") do sum = sum + line end
print(sum, io.popen("echo from a shell; exit 3"):read("a"))
print(os.execute("exit 7"))
print(os.execute("kill -9 $$"))
print(os.getenv("HOME"), os.remove("missing"))
print(os.date("!%F %T", 1700000000), os.rename("out", "out2"), os.time({ year = 2024, month = 2, day = 30, hour = 0 }))
print(load("return ...", "chunk")(1, 2), string.dump(function() end):sub(1, 4) == "\27Lua")
END
TZ=UTC ./lua try.lua
./luac -o try.luac try.lua
TZ=UTC ./lua try.luac | cksum
# Lua's own tests, where they are.
if [ -d ../testes ]; then
    cd ../testes
    ../src/lua -e '_U=true' all.lua >log 2>&1 || true
    cat log >&2
    tail -1 log
fi
