"""The Chinese of every sentence the program says: English sentence -> Chinese sentence. Words: docs/glossary.md.

In the order of the modules that say them; tests/test_i18n.py finds what is missing, what is dead and what lost a value."""

MESSAGES: dict[str, str] = {
    # timebank/approvals.py
    "Let another clerk run this.": "请另一位经办人来执行。",
    "Name another clerk with --approver.": "请用 --approver 指明另一位经办人。",
    "Name the second clerk with --approver W0002.": "请用 --approver W0002 指明第二位经办人。",
    "Nothing about {subject} waits.": "没有关于 {subject} 的待办事项。",
    "Nothing waits under number {number}.": "编号 {number} 下没有待办事项。",
    "Number {number} has waited more than {days} days and lapsed.": "编号 {number} 等待超过 {days} 天，已失效。",
    "Number {number} was decided already.": "编号 {number} 已经办结。",
    "Reject it and enter it again.": "请驳回后重新录入。",
    "Reject it, run timebank audit, and enter it again.": "请驳回，执行 timebank audit，然后重新录入。",
    "See timebank inbox.": "请看 timebank inbox。",
    "The second person must be another one than you.": "第二人不能是您本人。",
    "This needs a second person.": "此事须有第二人。",
    "What waits under number {number} is not what was asked for.": "编号 {number} 下的待办已不是当初提交的内容。",
    "You asked for this yourself; a second person approves it.": "这是您自己提交的，须由另一人批准。",
    # timebank/audit/__init__.py
    "All balances of a unit sum to zero.": "各单位的全部余额合计为零。",
    "Balances, running balances and line numbers are what the entries make.": "余额、逐笔余额和行号都与分录一致。",
    "Every column and every bound row says what the payload says.": "每一列、每一条受约束的记录都与分录内容一致。",
    "Every command counts once.": "每个命令只计一次。",
    "Every entry sums to zero in each unit.": "每笔分录各单位合计为零。",
    "Every hold ends at most once.": "每笔冻结至多了结一次。",
    "Free texts are those whose hash the entry holds.": "附言与分录中的哈希相符。",
    "It takes the day {day} to {minutes} minutes; that needs a second person.": (
        "它使 {day} 当天合计 {minutes} 分钟，须有第二人。"
    ),
    "Its command {key} is not kept.": "没有留存它的命令 {key}。",
    "Lots sum to the balance of their account and are what its entries make.": (
        "各失效日的积分合计等于账户余额，并与分录一致。"
    ),
    "Months are closed in order, stay closed, and each opens with what the one before closed with.": (
        "各月依次月结，月结后不再变动，每月期初就是上月期末。"
    ),
    "Name some of {names}.": "请从 {names} 中选择。",
    "No account is below its floor after any entry, what is held included.": (
        "任何分录之后，账户都不低于下限，冻结的也算在内。"
    ),
    "The database is damaged and cannot be read on: {cause}.": "数据库已损坏，无法继续读取：{cause}。",
    "The database itself refuses to change the book.": "数据库本身拒绝改动账簿。",
    "The key {key} stands at more than one entry.": "键 {key} 出现在不止一笔分录上。",
    "The log is complete, its hashes are right, and it agrees with what was published.": (
        "日志完整，哈希正确，并与已发出的存证点一致。"
    ),
    "The statements of every closed month are those it was closed with.": "每个已月结月份的对账单都与月结时相同。",
    "There are postings of an entry that does not exist.": "有记账行属于不存在的分录。",
    "There is no check {name}.": "没有检查项 {name}。",
    "Vouchers issued are those captured, voided, expired and open.": "发出的兑换券等于已核销、已作废、已失效和待使用之和。",
    "What needs two people was done by two.": "须两人的事由两人办理。",
    # timebank/audit/accounts.py
    "After it, {account} has {balance}.": "此后 {account} 为 {balance}。",
    "After posting {line}, {account} has {truth}; the row says {shown}.": (
        "第 {line} 行之后 {account} 应为 {truth}，记录中为 {shown}。"
    ),
    "It has line {n} of {account}; the next one is {right}.": "它在 {account} 中的行号为 {n}，应为 {right}。",
    "Its {unit} sum to {sum}, not to 0.": "它的 {unit} 合计 {sum}，不为 0。",
    "Posting {line} is missing.": "缺少第 {line} 行。",
    "Posting {line} is not in the payload.": "第 {line} 行不在分录内容中。",
    "Posting {line} says {shown}; the payload says {truth}.": "第 {line} 行为 {shown}，分录内容为 {truth}。",
    # timebank/audit/bindings.py
    "Its row was written by no entry.": "它的记录不是由任何分录写入的。",
    "Its text is not the one that was published.": "它的文本不是发布时的文本。",
    "Vouchers issued, captured, voided, expired and open: {shown}; the journal has {truth}.": (
        "发出、核销、作废、失效和待使用的兑换券数为 {shown}，按分录应为 {truth}。"
    ),
    "{subject} has no row.": "{subject} 没有对应的记录。",
    "{subject} is not open here: it ended before, or was never issued.": "{subject} 此时已不在用：早已了结，或从未发出。",
    "{subject}: its row says {column} {shown}; the entry says {truth}.": (
        "{subject}：记录中 {column} 为 {shown}，分录中为 {truth}。"
    ),
    "{subject}: {held} points were held; it should be {right}.": "{subject}：冻结了 {held} 分，应为 {right}。",
    # timebank/audit/findings.py
    "{count} more of the same kind.": "还有 {count} 条同类问题。",
    # timebank/audit/guards.py
    "The database has a trigger {name} of its own.": "数据库中有来历不明的触发器 {name}。",
    "The function that the guards call is not the one that was put up.": "防改触发器调用的函数不是原来的那个。",
    "The guard {name} is missing.": "防改触发器 {name} 缺失。",
    "The guard {name} is not the one that was put up.": "防改触发器 {name} 不是原来的那个。",
    # timebank/audit/months.py
    "The statements of {period} are not those that it was closed with.": "{period} 的对账单与月结时不同。",
    "The statements of {period} cannot be built again: {cause}": "{period} 的对账单无法重建：{cause}",
    "{figure} was closed as {shown}; the entries make {truth}.": "{figure} 月结时为 {shown}，按分录应为 {truth}。",
    # timebank/audit/payloads.py
    "The field {name} is missing, wrong or unknown.": "字段 {name} 缺失、有误或不认识。",
    "These data are nested too deep.": "这些数据嵌套过深。",
    # timebank/audit/projections.py
    "All balances of {unit} sum to {sum}, not to 0.": "{unit} 的全部余额合计 {sum}，不为 0。",
    "Entries {first} to {last} do not have the hash in the head of the log.": "分录 {first} 至 {last} 的哈希与日志头不符。",
    "It has entries and {balance} in them, but no row.": "它有分录，合计 {balance}，却没有账户记录。",
    "It has lots; accounts of its kind have none.": "这类账户不分失效日，它却有。",
    "Its balance says {shown}; its entries make {truth}.": "它的余额是 {shown}，按分录应为 {truth}。",
    "Its entries take {missing} points too many out of the lot {day}.": (
        "它的分录从失效日 {day} 的积分中多取了 {missing} 分。"
    ),
    "Its floor is {floor}; it should be {right}.": "它的下限是 {floor}，应为 {right}。",
    "Its lot {day} says {shown}; its entries make {truth}.": "它失效日 {day} 的积分是 {shown}，按分录应为 {truth}。",
    "Its lots sum to {sum}; its balance says {shown}.": "它各失效日的积分合计 {sum}，余额却是 {shown}。",
    "Its turnover of {period} in the lot {day} is not what its entries make.": (
        "它在 {period}、失效日 {day} 的发生额与分录不符。"
    ),
    "The first {size} entries do not have the root that was published of them.": "前 {size} 笔分录的根哈希与已发出的不同。",
    "The head of the log counts {head} entries; {size} are there.": "日志头记有 {head} 笔分录，实有 {size} 笔。",
    "The state row says {shown}; the journal says {truth}.": "状态记录为 {shown}，按分录应为 {truth}。",
    "There are lots or turnover of an account that does not exist.": "有失效日积分或发生额属于不存在的账户。",
    "{published} entries were published; {size} are there.": "已发出的存证点有 {published} 笔分录，现有 {size} 笔。",
    # timebank/audit/refold.py
    "Clerk {clerk} approved what the same clerk did.": "经办人 {clerk} 批准了自己办的事。",
    "Column {name} says {shown}; the payload says {truth}.": "列 {name} 为 {shown}，分录内容为 {truth}。",
    "Entries are numbered from 0.": "分录从 0 开始编号。",
    "Entries {first} to {last} are missing.": "缺少分录 {first} 至 {last}。",
    "It lies in {period}; it belongs to {right}.": "它记在 {period}，应属 {right}。",
    "It was posted at {moment}, before the entry before it.": "它记于 {moment}，早于前一笔分录。",
    "The entry has a text that its payload does not know.": "分录带有其内容中没有的附言。",
    "The hash of this entry is not that of its payload.": "此分录的哈希与其内容不符。",
    "The key {key} is not the next one of its command.": "键 {key} 不是其命令的下一个。",
    "The payload here is that of entry {other}.": "这里的内容属于分录 {other}。",
    "The text is not the one that was written.": "附言不是原来写的那一条。",
    "This entry belongs to the log {other}, not to {log}.": "此分录属于日志 {other}，不属于 {log}。",
    "{kind} needs a second person; there was none.": "{kind} 须有第二人，却没有。",
    "{period} was closed while {open} was the first open month.": "{period} 月结时，{open} 尚未月结。",
    # timebank/base/codes.py
    "A voucher code has 12 characters, this has {count}.": "券码应为 12 个字符，现在是 {count} 个。",
    "No voucher code has the character {letter}.": "券码里不会出现字符 {letter}。",
    "This voucher code has a wrong character or two in the wrong order.": "券码不对：有一个字符写错了，或有两个字符颠倒了。",
    "Type it as printed: XXXX-XXXX-XXXX, digits and letters without I, L, O, U.": (
        "请照券上印的输入：XXXX-XXXX-XXXX，由数字和字母组成，没有 I、L、O、U。"
    ),
    # timebank/base/communities.py
    "A community {code} is in this database already.": "此数据库中已有社区 {code}。",
    "Choose another --community, or go on with this one.": "请换一个 --community，或直接使用已有的这个。",
    "For example Asia/Shanghai.": "例如 Asia/Shanghai。",
    "Found one: timebank init --community CODE --name NAME": "请先建立：timebank init --community 代码 --name 名称",
    "Name one with --community CODE.": "请用 --community 代码 指明一个。",
    "Open from this month or earlier.": "请从本月或更早的月份开账。",
    "Points have 0 or 1 decimals.": "积分只能有 0 位或 1 位小数。",
    "There is no community {code} in this database.": "此数据库中没有社区 {code}。",
    "There is no time zone {timezone}.": "没有时区 {timezone}。",
    "This database holds several communities.": "此数据库中有几个社区。",
    "Use --points-decimals 0 or 1.": "请用 --points-decimals 0 或 1。",
    "Use 2 to 40 of a-z, 0-9 and -, for example 520201-jianshe.": "请用 2 到 40 个小写字母、数字或 -，例如 520201-jianshe。",
    "{code} cannot be a community's code.": "{code} 不能作社区代码。",
    "{period} lies in the future.": "{period} 尚未到来。",
    # timebank/base/config.py
    "--now is for tests and demonstrations only.": "--now 只供测试和演示使用。",
    "Leave --now out; or set TIMEBANK_TEST_CLOCK=1 for a trial database.": (
        "请去掉 --now；若是试用的数据库，可设置 TIMEBANK_TEST_CLOCK=1。"
    ),
    "There is no language {lang}.": "没有语言 {lang}。",
    "Use --lang zh or --lang en.": "请用 --lang zh 或 --lang en。",
    "Write it like 2026-10-20T12:00:00+08:00.": "请写成 2026-10-20T12:00:00+08:00 这样。",
    "{now} has no time zone.": "{now} 没有写时区。",
    "{now} is not a moment.": "{now} 不是有效的时刻。",
    # timebank/base/db.py
    "Check free space and permissions of its folder; nothing was changed.": (
        "请检查所在文件夹的剩余空间和写入权限；什么都没有改动。"
    ),
    "Nothing was changed. Run the same command again with the same --key.": (
        "什么都没有改动。请用同一个 --key 再执行一次同样的命令。"
    ),
    "Someone else is writing to this community's book.": "有人正在写本社区的账簿。",
    "The database cannot be written: {cause}.": "无法写入数据库：{cause}。",
    # timebank/base/imported.py
    "Correct them, or import the good rows with --partial and keep the others with --save-rejects FILE.": (
        "请改正后重来；或用 --partial 只导入正确的行，用 --save-rejects 文件 保存其余的行。"
    ),
    "{bad} of {rows} rows are wrong; nothing was imported.": "{rows} 行中有 {bad} 行有误，一行也没有导入。",
    # timebank/base/keys.py
    "A database that is no file has no place for its keys.": "数据库不是文件，不知密钥该放在哪里。",
    "Bring it back from the backup: without it no voucher code can be checked.": "请从备份中取回：没有它就无法核对任何券码。",
    "Check free space and permissions of its folder, or name another file with TIMEBANK_KEYS.": (
        "请检查所在文件夹的剩余空间和权限，或用 TIMEBANK_KEYS 另指一个文件。"
    ),
    "Name a file of this computer with TIMEBANK_KEYS.": "请用 TIMEBANK_KEYS 指明本机上的一个文件。",
    "The file of keys {path} cannot be read or is damaged.": "密钥文件 {path} 无法读取或已损坏。",
    "The file of keys {path} is missing.": "缺少密钥文件 {path}。",
    "{file} cannot be written: {cause}.": "无法写入 {file}：{cause}。",
    # timebank/base/months.py
    "Write it like 2026-10.": "请写成 2026-10 这样。",
    "{written} is not a month.": "{written} 不是有效的月份。",
    # timebank/base/schema.py
    "Found one: timebank init --community CODE --name NAME, or name another --db.": (
        "请先建立：timebank init --community 代码 --name 名称；或用 --db 另指数据库。"
    ),
    "Run timebank db upgrade (after a backup), or use the program version that made it.": (
        "请先备份再执行 timebank db upgrade，或改用建立它时的程序版本。"
    ),
    "There is no time bank in this database yet.": "此数据库中还没有时间银行。",
    "This database is at revision {found}; this program needs {head}.": "数据库的结构版本是 {found}，本程序需要 {head}。",
    # timebank/base/sheet_survey.py
    "Check the folder and the name.": "请检查文件夹和文件名。",
    "Close it in Excel or WPS and run the command again.": "请在 Excel 或 WPS 中关闭该文件，然后重新运行命令。",
    "Close it in other programs, and check that it is an ordinary file you may read.": (
        "请先在其他程序里关闭它，并确认它是普通文件、您有读取权限。"
    ),
    "Is it the right file, and was it saved?": "请确认没有选错文件，并且已经保存过。",
    "it is not an ordinary file": "它不是普通文件",
    "Open it in Excel or WPS and save it as CSV (UTF-8).": "请用 Excel 或 WPS 打开，另存为 CSV（UTF-8）格式。",
    "Split it into several files.": "请拆分成几个文件。",
    "There is no file {file}.": "找不到文件 {file}。",
    "{file} cannot be read: {cause}.": "无法读取 {file}：{cause}。",
    "{file} has {size} bytes; {most} are the most.": "{file} 有 {size} 字节，最多 {most} 字节。",
    "{file} holds a NUL byte in line {line}: it is no text file.": "{file} 第 {line} 行有空字节（NUL），不是文本文件。",
    "{file} is an Excel workbook (or another packed file), not CSV.": "{file} 是 Excel 工作簿（或其他压缩文件），不是 CSV。",
    "{file} is damaged, or neither UTF-8 nor GB18030: line {line} cannot be read.": (
        "{file} 已损坏，或者既不是 UTF-8 也不是 GB18030 编码：第 {line} 行无法识别。"
    ),
    "{file} is empty.": "{file} 是空文件。",
    "{file} was changed while it was read.": "{file} 在读取过程中被改动了。",
    # timebank/base/sheet_values.py
    '"{written}" is not a day.': "“{written}”不是有效的日期。",
    '"{written}" is not a stretch of one day.': "“{written}”不是同一天内的起止时间。",
    '"{written}" is not a time of day.': "“{written}”不是有效的时刻。",
    '"{written}" is not a whole number of 1 or more.': "“{written}”不是大于等于 1 的整数。",
    '"{written}" is not a whole number of minutes.': "“{written}”不能换算成整数分钟。",
    'The text "{written}" holds a line break or another control character.': "文字“{written}”里有换行或其他控制字符。",
    "Type it again on one line.": "请在一行内重新输入。",
    "Write it like 5.": "请写成 5 这样的数字。",
    "Write it on the 24-hour clock like 14:00, or like 下午2点半 or 2:30pm.": (
        "请按 24 小时制填写，如 14:00，或写成 下午2点半。"
    ),
    "Write minutes like 90, or hours with their unit like 1.5小时, 1.5h or 1:30.": (
        "请写分钟数，如 90；或写带单位的小时数，如 1.5小时、1.5h、1:30。"
    ),
    "Write start and end on the 24-hour clock like 14:00-15:30; a service past midnight takes two rows.": (
        "请按 24 小时制填写起止时间，如 14:00-15:30；跨过午夜的服务请分两行填写。"
    ),
    "Write year, month and day, like 2026-03-08.": "请写全年、月、日，如 2026-03-08。",
    # timebank/base/sheet_writing.py
    "Check free space and permissions of its folder, and close the file in other programs.": (
        "请检查磁盘空间和文件夹权限，并在其他程序中关闭该文件。"
    ),
    # timebank/base/sheets.py
    "A cell has {count} characters; {most} are the most.": "有一格写了 {count} 个字符，最多 {most} 个。",
    'Close the quotation mark, or write "" for a mark inside a cell.': ('请补上结尾的双引号；格内的双引号要写成两个（""）。'),
    "Delete or rename all but one of them.": "请只保留其中一列，其余的删除或改名。",
    "Headers may be in Chinese or English; delete any title rows above them.": (
        "列名用中文或英文都可以；请把列名上方的标题行删掉，让列名在第一行。"
    ),
    "Is this a CSV file, with one record on each line?": "请检查这是不是 CSV 文件，是不是一行一条记录。",
    "Keep the columns that are needed, or check that it is a CSV file.": "请只保留需要的列，或检查这是不是 CSV 文件。",
    'Row {row} does not end: a quotation mark (") opens a cell and is not closed.': (
        '第 {row} 行没有结束：有一格以双引号（"）开头，却没有结尾的双引号。'
    ),
    'Row {row} has text behind the quotation mark (") that closes a cell.': (
        '第 {row} 行有一格在结尾的双引号（"）后面还有文字。'
    ),
    "Row {row} is longer than {most} characters.": "第 {row} 行超过了 {most} 个字符。",
    "Several headers mean {column}: {headers}.": "有几个列名都表示 {column}：{headers}。",
    "The file has more than {most} columns.": "文件超过了 {most} 列。",
    "The first row lacks these headers: {columns}.": "第一行缺少这些列名：{columns}。",
    "The row has {count} cells and the header {width}: is there a comma inside a cell?": (
        "这一行有 {count} 格，表头只有 {width} 格：是不是某一格里有逗号？"
    ),
    "There is no column {column}.": "没有 {column} 这一列。",
    'Write "" for a mark inside a cell.': '格内的双引号要写成两个（""）。',
    "Write one row below it for each record.": "请在表头下面每行写一条记录。",
    "{file} has a header but no rows.": "{file} 只有表头，没有数据。",
    # timebank/benefits.py
    "A bill lies between 0.01 and {most} yuan.": "账单须在 0.01 到 {most} 元之间。",
    "A discount offer must say what it takes off at most: the fund reserves that much for each voucher.": (
        "折扣类优待须写明最多减免多少：每张兑换券按此数预留资金。"
    ),
    "A discount takes at most 0.01 to {most} yuan off.": "折扣的最高减免须在 0.01 到 {most} 元之间。",
    "A share of the bill lies above 0% and is at most 100%; this is {share}.": (
        "占账单的比例须大于 0% 且不超过 100%，现为 {share}。"
    ),
    "Add for example --max 20.00.": "请补上，例如 --max 20.00。",
    "Add for example --min-spend 30.00.": "请补上，例如 --min-spend 30.00。",
    "An offset takes 1 yuan off for a whole number of points, at least 1.": (
        "抵扣类优待须写明多少积分抵 1 元，为不小于 1 的整数。"
    ),
    "at most {limit} yuan, so {off} yuan off": "最多 {limit} 元，故优待 {off} 元",
    "For example --points-per-yuan 10.": "例如 --points-per-yuan 10。",
    "Give a number above 0, for example --points 100.": "请写大于 0 的数，例如 --points 100。",
    "Keep the voucher for a larger bill.": "请把兑换券留给金额更大的账单。",
    "No voucher can hold that many points.": "一张兑换券不能冻结这么多积分。",
    "Nothing can be taken off a bill of {bill} yuan.": "{bill} 元的账单无可减免。",
    "The smallest bill of a discount lies between 0.00 and {most} yuan.": "折扣的最低消费须在 0.00 到 {most} 元之间。",
    "This offer needs a bill of {least} yuan; this one is {bill} yuan.": "此项优待须满 {least} 元，这张账单为 {bill} 元。",
    "Write it like 50% or 12.5%.": "请写成 50% 或 12.5% 这样。",
    "Write the whole bill before anything is taken off, for example --bill 86.00.": (
        "请写减免之前的账单全额，例如 --bill 86.00。"
    ),
    "{off} off a bill of {least} yuan or more, at most {most} yuan, for {points} points": (
        "满 {least} 元减免账单的 {off}，最多 {most} 元，用 {points} 分"
    ),
    "{off} off the bill, at most {most} yuan, for {points} points": "减免账单的 {off}，最多 {most} 元，用 {points} 分",
    "{off} yuan × {rate} points = {points} points, rounded up": "{off} 元 × {rate} 分 = {points} 分（向上取整）",
    "{points} points take 1 yuan off, at most {share} of the bill": "每 {points} 分抵 1 元，最多抵账单的 {share}",
    "{points} points, the price of the offer": "{points} 分，即此项优待的定额",
    "{share} of the bill of {bill} yuan = {part} yuan": "账单 {bill} 元的 {share} = {part} 元",
    # timebank/cli.py
    "A file cannot be read or written: {cause}.": "有文件无法读写：{cause}。",
    "A verb is missing.": "缺少动词，不知要做什么。",
    "Arguments": "参数",
    "Check its name, its permissions and free space.": "请检查文件名、权限和剩余空间。",
    "Commands": "命令",
    "default: {value}": "默认：{value}",
    "Example": "示例",
    "Options": "选项",
    "required": "必填",
    "See {path} --help": "请看 {path} --help",
    "Send the report to whoever looks after the program.": "请把报告交给维护程序的人。",
    "The command line cannot be read: {why}": "看不懂这条命令：{why}",
    "There is no command {name}.": "没有命令 {name}。",
    "There is no command {name}; did you mean {others}?": "没有命令 {name}；是不是 {others}？",
    "There is no option {name}.": "没有选项 {name}。",
    "This is a mistake in the program. Nothing was half done. A report is in {file}.": (
        "程序出错了。没有留下办了一半的事。报告在 {file}。"
    ),
    "Usage": "用法",
    "{name} cannot be this: {why}": "{name} 的值不对：{why}",
    "{name} is missing.": "缺少 {name}。",
    # timebank/commands/amounts.py
    "Write a number with at most {decimals} decimals.": "请写最多 {decimals} 位小数的数。",
    "Write it like 50%.": "请写成 50% 这样。",
    "Write it like 86.00.": "请写成 86.00 这样。",
    "{typed} is not a number of points.": "{typed} 不是积分数。",
    "{typed} is not a share in percent.": "{typed} 不是百分比。",
    "{typed} is not an amount in yuan.": "{typed} 不是以元计的金额。",
    # timebank/commands/approve.py
    "Number {number} is approved and done.": "编号 {number} 已批准并办结。",
    # timebank/commands/audit.py
    "check": "检查项",
    "code": "代码",
    "entries": "分录数",
    "Findings": "问题",
    "Reading entries": "正在读取分录",
    "root of the log": "总根哈希",
    "The book has {count} findings": "账簿有 {count} 处问题",
    "The book is sound": "账簿无误",
    "what": "事项",
    "where": "位置",
    "… and {count} more; --json lists all.": "……还有 {count} 条；加 --json 可全部列出。",
    # timebank/commands/clerk.py
    "active": "正常",
    "also member": "也是成员",
    "clerk": "经办人",
    "Clerk {number}": "经办人 {number}",
    "Clerk {number} is registered.": "经办人 {number} 已登记。",
    "Clerks": "经办人",
    "left": "已退出",
    "name": "姓名/名称",
    "paused": "暂停",
    "since": "起始日期",
    "state": "状态",
    # timebank/commands/db.py
    "database": "数据库",
    "Found a time bank: timebank init --community CODE --name NAME, or name another --db.": (
        "请先建立时间银行：timebank init --community 代码 --name 名称；或用 --db 另指数据库。"
    ),
    "newest revision": "最新结构版本",
    "Schema": "数据库结构",
    "schema revision": "结构版本",
    "The database is at revision {after} already.": "数据库已是结构版本 {after}。",
    "The database went from revision {before} to {after}.": "数据库已从结构版本 {before} 升到 {after}。",
    "There is no database {path}.": "没有数据库 {path}。",
    # timebank/commands/demo.py
    "(exit status {status}: refused, as it should be)": "（退出状态 {status}：理应拒绝）",
    "A community lives from {first} to {last}; every line behind $ is a real command.": (
        "一个社区从 {first} 走到 {last}；$ 之后的每一行都是真实的命令。"
    ),
    "All commands with all that they say are kept in {file}.": "全部命令及其输出都保存在 {file}。",
    "bytes": "字节",
    "file or folder": "文件或文件夹",
    "files": "文件数",
    "Name a new folder: timebank demo --to FOLDER": "请另选一个新文件夹：timebank demo --to 文件夹",
    "On the disk": "磁盘上的文件",
    "The demo stops here: that command ended with exit status {status}.": "演示到此中止：该命令的退出状态为 {status}。",
    "They work on the database {database}, each on the day above it; your own time bank is not touched.": (
        "命令都作用于数据库 {database}，日期见其上方；您自己的时间银行不受影响。"
    ),
    "Try next:": "接下来可以试试：",
    "Try next; today goes on where the demo ended:": "接下来可以试试（演示止于昨天，今天接着用）：",
    "{chapter} is closed and its statements are written.": "{chapter} 已月结，对账单已写好。",
    "{chapter}: {commands} more commands; {services} services, {points} points; {vouchers}; {closed} closed.": (
        "{chapter}：另有 {commands} 条命令；服务 {services} 次，积分 {points}；{vouchers}；{closed} 已月结。"
    ),
    "{chapter}: {commands} more commands; {vouchers}.": "{chapter}：另有 {commands} 条命令；{vouchers}。",
    "{count} commands: a year of 879 volunteers, 6,098 attendances counted once, fifteen months closed.": (
        "共 {count} 条命令：879 名志愿者的一年，6,098 人次只计一次，十五个月全部月结。"
    ),
    "{count} commands: a year of hours, points, vouchers, settlements and statements, and a sound book.": (
        "共 {count} 条命令：一整年的服务时长、积分、兑换券、结算和对账单，账簿完好。"
    ),
    "{count} vouchers took {yuan} yuan off": "核销 {count} 张兑换券，优待 {yuan} 元",
    "{folder} is there already and is not a demo's.": "{folder} 已经存在，而且不是演示留下的。",
    # timebank/commands/doctor.py
    "append-only guards": "防改触发器",
    "default database": "默认数据库",
    "free space": "剩余空间",
    "journal mode": "日志模式",
    "No clerk has a PIN: whoever sits at this computer can act as any clerk.": (
        "经办人都没有设 PIN：谁坐在这台电脑前，都能以任何经办人的身份操作。"
    ),
    "Only {megabytes} MB are free where the database is.": "数据库所在磁盘只剩 {megabytes} MB。",
    "platform": "系统平台",
    "program": "程序版本",
    "Python": "Python",
    "size": "大小",
    "SQLite": "SQLite",
    "The append-only guards are missing; run timebank audit.": "防改触发器缺失；请执行 timebank audit。",
    "The file is not a sound SQLite database: {cause}.": "此文件不是完好的 SQLite 数据库：{cause}。",
    "There is no database yet: timebank init --community CODE --name NAME": (
        "还没有数据库：timebank init --community 代码 --name 名称"
    ),
    "This SQLite can lose commits in WAL mode; the program keeps the rollback journal, which is safe.": (
        "这个版本的 SQLite 在 WAL 模式下可能丢失数据；本程序使用回滚日志，是安全的。"
    ),
    "timebank doctor": "timebank 体检",
    # timebank/commands/door.py
    "Dry run: nothing was written.": "试运行：什么都没有写入。",
    "Key of this command: {key}": "本次命令键：{key}",
    "Key {key} was used before: nothing was written, this is the first receipt.": (
        "命令键 {key} 已经用过：没有再次写入，这是第一次的回执。"
    ),
    "This waits for a second person as number {number}: timebank approve {number} --as W0002": (
        "此事等待第二人批准，编号 {number}：timebank approve {number} --as W0002"
    ),
    # timebank/commands/hours.py
    "activity": "活动",
    "category": "类别",
    "date": "日期",
    "entry": "分录",
    "member": "成员",
    "minutes": "分钟",
    "number": "编号",
    "points": "积分",
    "posted": "已记入",
    "Recorded: {minutes} minutes, {points} points.": "已登记：{minutes} 分钟，{points} 分。",
    "rejected": "未通过",
    "reversed": "已冲正",
    "Service {number} is confirmed: {points} points.": "服务 {number} 已确认：记 {points} 分。",
    "Service {number} is corrected to {minutes} minutes.": "服务 {number} 已更正为 {minutes} 分钟。",
    "Service {number} is turned down.": "服务 {number} 已驳回。",
    "Services ({count})": "服务记录（{count} 条）",
    "The service is recorded and waits for a second person (timebank inbox).": (
        "服务已登记，等待第二人复核（见 timebank inbox）。"
    ),
    "This service was recorded before; nothing was counted twice.": "这次服务已经登记过，没有重复计入。",
    "waiting": "待复核",
    # timebank/commands/imports.py
    "Correct them in {file}, or import the good rows with --partial.": "请在 {file} 中改正，或用 --partial 先导入正确的行。",
    "Import of {file}": "导入 {file}",
    "known already": "已登记过",
    "Reading {file}": "正在读取 {file}",
    "reason": "原因",
    "Rejected rows": "未通过的行",
    "row": "行",
    "rows": "行数",
    "The column {header} is not known and is left out.": "不认识的列 {header} 已略过。",
    "waiting for a second person": "待第二人复核",
    "{count} rows are kept in {file}.": "{count} 行已另存到 {file}。",
    # timebank/commands/inbox.py
    "about": "关于",
    "approve a settlement": "批准结算",
    "Approve with timebank approve NUMBER, turn down with timebank reject NUMBER --why REASON.": (
        "批准：timebank approve 编号；驳回：timebank reject 编号 --why 原因。"
    ),
    "asked by": "提交人",
    "close a month": "月结",
    "confirm hours": "确认服务时长",
    "correct hours": "更正服务时长",
    "publish a rule book": "发布规则",
    "Waiting for a second person ({count})": "等待第二人批准（{count} 件）",
    # timebank/commands/init.py
    "A time bank is founded": "时间银行已建立",
    "clerks": "经办人",
    "community": "社区",
    "first month": "首个账期",
    "Next: timebank member import members.csv": "下一步：timebank member import members.csv",
    "reviewer": "复核人",
    # timebank/commands/member.py
    "Correct it and repeat.": "请改正后重来。",
    "grid": "网格",
    "joined on": "加入日期",
    "Member {number}": "成员 {number}",
    "Member {number} is registered.": "成员 {number} 已登记。",
    "Members ({count})": "成员（{count} 人）",
    "minutes served": "服务分钟",
    "phone": "电话",
    "points available": "可用积分",
    # timebank/commands/merchant.py
    "merchant": "商户",
    "Merchant {number}": "商户 {number}",
    "Merchant {number} is registered.": "商户 {number} 已登记。",
    "Merchants ({count})": "商户（{count} 家）",
    # timebank/commands/offer.py
    "discount": "折扣",
    "from": "起",
    "kind": "类型",
    "offer": "优待",
    "Offer {number} is added.": "优待 {number} 已设立。",
    "Offers ({count})": "优待（{count} 项）",
    "points for yuan": "积分抵扣",
    "See timebank offer add --help": "请看 timebank offer add --help",
    "This kind of offer needs {option}.": "此类优待须写 {option}。",
    "to": "止",
    "what it gives": "优待内容",
    "Write it like --valid 2026-01-01..2026-12-31.": "请写成 --valid 2026-01-01..2026-12-31 这样。",
    "{valid} is not a first and a last day.": "{valid} 不是起止日期。",
    # timebank/commands/points.py
    "Balance of {number}": "{number} 的余额",
    "held for vouchers": "兑换券冻结",
    "lapse on": "失效日",
    "never": "永不失效",
    "owed": "欠分",
    "Points by the day they lapse": "积分按失效日分列",
    "{unit} (credits)": "{unit}（社区币）",
    # timebank/commands/reject.py
    "Number {number} is turned down.": "编号 {number} 已驳回。",
    # timebank/commands/rules.py
    "64 kB are the most.": "最大 64 kB。",
    "Check its name and folder.": "请检查文件名和文件夹。",
    "Entry {entry} gave no points by a rule.": "分录 {entry} 没有按规则计分。",
    "resolution": "决议",
    "Rule books": "规则",
    "See timebank hours list.": "请看 timebank hours list。",
    "There is no entry {entry}.": "没有分录 {entry}。",
    "title": "标题",
    "version": "版本",
    "Version {version} is published as {rules}.": "规则 {version} 已发布，标识为 {rules}。",
    "version@hash": "版本@哈希",
    "Write it like E000042.": "请写成 E000042 这样。",
    "{entry} is no entry number.": "{entry} 不是分录编号。",
    "{file} is a sound rule book: {title}, version {version}.": "{file} 是合格的规则文件：{title}，版本 {version}。",
    "{file} is too large for a rule book.": "{file} 太大，不像规则文件。",
    "{told} [rules {rules}]": "{told} 〔规则 {rules}〕",
    "{where}: {what} [{code}]": "{where}：{what} [{code}]",
    # timebank/commands/settlement.py
    "approved": "已批准",
    "batch": "批次",
    "batches": "批次数",
    "draft": "草稿",
    "owed to merchants": "应补贴商户",
    "Settlement": "结算",
    "Settlement of {period}": "{period} 结算",
    "vouchers": "兑换券数",
    "yuan": "元",
    "{count} claims are in {file}.": "{count} 份补贴申领已写入 {file}。",
    "{yuan} yuan": "{yuan} 元",
    # timebank/commands/statement.py
    "file": "文件",
    "Files of {period}": "{period} 的文件",
    "lines": "明细行数",
    "root of the statements": "对账单根哈希",
    "SHA-256": "SHA-256",
    "Statements": "对账单",
    "statements": "对账单数",
    "Still open in {period}": "{period} 尚未了结",
    "{count} holders still have points held for vouchers.": "还有 {count} 位的积分冻结在兑换券上。",
    "{count} records of hours still wait; once confirmed, a later month has them.": (
        "还有 {count} 条服务记录待复核；确认后计入以后的月份。"
    ),
    "{count} single statements are beside them in {folder}.": "另有 {count} 份单独的对账单，同在 {folder}。",
    "{period} is closed": "{period} 已月结",
    # timebank/commands/story.py
    "A book that opens in the past, to load history.": "账簿从过去的月份开始，以便补入历史。",
    "A correction takes the old entry back and makes a new one; nothing is edited.": (
        "更正是先冲正旧分录、再记新分录；什么都不涂改。"
    ),
    "A discount has a fixed price in points.": "折扣券所需积分是固定的。",
    "A service told at the desk is recorded at once; the rule book turns it into points.": (
        "在窗口报来的服务当场登记，按规则记积分。"
    ),
    "A voucher for you to try.": "给您留一张兑换券试用。",
    "A voucher that is not wanted any more is voided; its points go back.": "不想要的兑换券可以作废，积分退回。",
    "A voucher that nobody uses lapses; its points go back too.": "没人用的兑换券到期失效，积分也退回。",
    "A year of attendances, with the control totals that the publisher gives.": "一年的出勤记录，附核对总数。",
    "And the very same sheet once more:": "同一张表再导入一次：",
    "At another shop:": "在另一家商户：",
    "Every point can be explained, from its entry alone.": "每一分都能说明来历，只凭它的分录。",
    "Everything is worked out again from the entries and compared.": "根据分录把一切重新算一遍，再逐项比对。",
    "Fifteen months are closed in their order, each with its statements.": "十五个月依次月结，每月各有对账单。",
    "More than eight hours a day wait for a second person.": "一天超过八小时的，等第二人复核。",
    "New rules from next month on; what was earned under the old ones stays as it was.": (
        "下月起用新规则；按旧规则记的积分保持不变。"
    ),
    "Points are held for a voucher; its code is shown once.": "冻结积分，开出兑换券；券码只显示这一次。",
    "Points of the first rules lapse after six months: a member who saved hers, before the month ends": (
        "第一版规则的积分六个月后失效：一位一直没用积分的成员，月底之前"
    ),
    "Sheets come in as the office keeps them.": "表格照居委会平时的样子导入。",
    "Shops say what points take off a bill: points for yuan, or a discount.": "商户给出优待：积分抵扣或折扣。",
    "The committee's rule book is checked, then published by two people.": "评审委员会通过的规则先检查，再由两人发布。",
    "The good rows now, the others into a file.": "先导入正确的行，其余的另存成文件。",
    "The month is closed: one statement a member, and a root over all of them.": (
        "月结：每位成员一份对账单，全部对账单汇成一个根。"
    ),
    "The month's claims of the shops, approved by a second person.": "当月商户的补贴申领，由第二人审批。",
    "The month's sheet has mistakes: all of them are named, and nothing is imported.": (
        "当月登记表里有错：逐条指出，一行也不导入。"
    ),
    "The office founds its time bank; W0001 and W0002 are its two clerks.": "社区建立时间银行；W0001 和 W0002 是两位经办人。",
    "The running month's sheet so far.": "当月到目前为止的登记表。",
    "The running month's statements are marked as drafts.": "当月尚未月结，对账单标明是草稿。",
    "The same file once more: nothing counts twice.": "同一个文件再导入一次：什么都不重复计。",
    "The same voucher once more:": "同一张券再用一次：",
    "The shop asks whether it is good, takes it once, and any other try is refused.": (
        "商户先查验，再核销一次；其他任何一次都会被拒绝。"
    ),
    "The whole sheet again, corrected: what is known already does not count twice.": (
        "改好之后整张表再导入一次：已有的不重复计。"
    ),
    "Twelve newcomers.": "新加入十二位成员。",
    "Vouchers that are open:": "尚未使用的兑换券：",
    "{count} more offers have been added in the same way.": "另外 {count} 项优待也这样登记。",
    "… and after the month was closed.": "……以及月结之后。",
    # timebank/commands/voucher.py
    "code ends in": "券码后四位",
    "expired": "已失效",
    "for": "使用商户",
    "good until": "有效期至",
    "how it came about": "计算过程",
    "issued on": "发券日期",
    "left to settle": "优待后金额",
    "most it takes off": "最多优待",
    "Name one voucher, or say --due for all.": "请指明一张兑换券，或用 --due 处理全部到期的。",
    "off the bill": "本次优待",
    "open": "待使用",
    "past its last day": "已过有效期",
    "points held": "冻结积分",
    "points used": "使用积分",
    "receipt": "回执",
    "redeemed": "已核销",
    "See timebank voucher expire --help": "请看 timebank voucher expire --help",
    "The code was shown when the voucher was issued and cannot be shown again; void it for a new one.": (
        "券码只在发券时显示一次，不能再显示；需要时请作废后重发。"
    ),
    "These points are a thank-you for community service, not money or a token of it: not to be bought, sold, cashed, "
    "given change for or lent at interest; good only at designated merchants under the rules.": (
        "本积分为公益回馈凭证,不是人民币或代币票券,不可买卖、提现、找零或生息,仅在指定商户按规则享受优待。"
    ),
    "void": "已作废",
    "voucher": "兑换券",
    "Voucher {number}": "兑换券 {number}",
    "Voucher {number} is good here": "兑换券 {number} 可在本店使用",
    "Voucher {number} is redeemed": "兑换券 {number} 已核销",
    "Voucher {number} is void; {points} points are back.": "兑换券 {number} 已作废，退回 {points} 分。",
    "Vouchers ({count})": "兑换券（{count} 张）",
    "{count} vouchers are released.": "已释放 {count} 张兑换券。",
    # timebank/exchange.py
    "Neither minutes nor start and end are given.": "既没有时长，也没有开始和结束时间。",
    "Nothing was imported. Count again, or look for missing and doubled rows.": (
        "什么都没有导入。请重新清点，看有没有漏行或重复的行。"
    ),
    "The file has {found} {name}; the control total says {wanted}.": "文件的{name}为 {found}，与核对数 {wanted} 不符。",
    "The member's number is missing.": "缺少成员编号。",
    "{minutes} minutes are given, but start and end are {span} minutes apart.": (
        "写的是 {minutes} 分钟，但开始和结束相差 {span} 分钟。"
    ),
    "{start} to {end} is no span within a day.": "{start} 至 {end} 不是同一天内的一段时间。",
    # timebank/hours.py
    "A category is a short word of the rule book, not {category}.": "类别是规则中的一个短词，{category} 不行。",
    "Correct the minutes, or take the service back with --minutes 0.": "请改正分钟数，或用 --minutes 0 撤回这次服务。",
    "Correct the record, or look at timebank hours list.": "请改正这条记录，或查看 timebank hours list。",
    "Let another clerk approve them.": "请另一位经办人来确认。",
    "No rule book speaks for {day}; publish one first.": "{day} 没有适用的规则，请先发布。",
    "Nobody confirms hours of their own.": "任何人不得确认自己的服务时长。",
    "Service {number} is not posted but {state}.": "服务 {number} 不是已记入状态，而是 {state}。",
    "There is no member {number}.": "没有成员 {number}。",
    "There is no service {number}.": "没有服务 {number}。",
    "{category} has no rate of its own; the default rate counts.": "类别“{category}”没有单列标准，按默认标准计分。",
    "{day} lies in the future; today is {today}.": "{day} 尚未到来，今天是 {today}。",
    "{kind} is not a kind of record: {kinds}.": "{kind} 不是记录类型，可用：{kinds}。",
    "{number} cannot confirm hours of their own.": "{number} 不能确认自己的服务时长。",
    "{number} joined on {joined}, after {day}.": "{number} 于 {joined} 加入，晚于 {day}。",
    "{ref} was recorded before with other content; correct it with timebank hours correct.": (
        "单号 {ref} 登记过，但内容不同；请用 timebank hours correct 更正。"
    ),
    # timebank/ledger.py
    "Correct or leave out what is named, then repeat.": "请改正或去掉列出的各项，再重来。",
    "Enter it when the day has come.": "请等到那一天再录入。",
    "Enter what is right anew.": "请重新录入正确的内容。",
    "Entry {seq} belongs to a voucher.": "分录 {seq} 属于兑换券。",
    "Entry {seq} is a reversal itself.": "分录 {seq} 本身就是冲正。",
    "Entry {seq} was reversed by entry {by}.": "分录 {seq} 已由分录 {by} 冲正。",
    "If the clock is right, let a second person confirm with --approver.": "如果时钟无误，请由第二人用 --approver 确认。",
    "See the numbers with timebank hours list.": "编号可用 timebank hours list 查看。",
    "Set this computer's clock right; entries are never dated back.": "请校准电脑时钟；分录从不倒签。",
    "The clock says {now}, before the last entry of {last}.": "电脑时钟是 {now}，早于最后一笔分录的 {last}。",
    "The last entry is of {last}, more than {days} days before the clock's {now}.": (
        "最后一笔分录在 {last}，比电脑时钟的 {now} 早了 {days} 天以上。"
    ),
    "There is no entry {seq}.": "没有分录 {seq}。",
    "Void the voucher, or let it be redeemed or lapse.": "请作废该兑换券，或等它核销、失效。",
    "{count} of {total} entries cannot be posted; nothing was.": "{total} 笔分录中有 {count} 笔不能记入，一笔也没有记。",
    # timebank/offers.py
    "An offer cannot end on {last}, before its first day {first}.": "优待的最后一天 {last} 不能早于第一天 {first}。",
    "Choose another one: timebank offer list.": "请另选一项：timebank offer list。",
    "Give it a last day from today on.": "请把最后一天定在今天或以后。",
    "Issue the voucher from that day on.": "请从那天起再发券。",
    "Look at the merchant with timebank merchant list.": "请用 timebank merchant list 查看商户。",
    "Merchant {number} is not active.": "商户 {number} 不是正常状态。",
    "Offer {number} begins on {day}.": "优待 {number} 自 {day} 起有效。",
    "Offer {number} ended on {day}.": "优待 {number} 已于 {day} 结束。",
    "See the numbers with timebank offer list.": "编号可用 timebank offer list 查看。",
    "There is no offer {number}.": "没有优待 {number}。",
    "This offer would be over already: its last day was {last}.": "此项优待已过期：最后一天是 {last}。",
    # timebank/once.py
    "Repeat the first command unchanged, or leave --key out for a new one.": (
        "请原样重复第一次的命令，或去掉 --key 另用新键。"
    ),
    "The key {key} was used before, for something else ({verb}).": "命令键 {key} 已用于别的内容（{verb}）。",
    # timebank/people/clerks.py
    "Give the clerk's name.": "请写经办人姓名。",
    "Look the number up with timebank clerk list.": "编号可用 timebank clerk list 查看。",
    "See timebank clerk list.": "请看 timebank clerk list。",
    "The name is missing.": "缺少姓名或名称。",
    "There is no clerk {number}.": "没有经办人 {number}。",
    "{number} is another clerk.": "{number} 是另一位经办人。",
    # timebank/people/members.py
    "Look the number up with timebank member list.": "编号可用 timebank member list 查看。",
    "{number} is another member (joined {day}).": "{number} 是另一位成员（{day} 加入）。",
    "{number} stands in this file twice.": "{number} 在文件中出现了两次。",
    # timebank/people/merchants.py
    "Look the number up with timebank merchant list.": "编号可用 timebank merchant list 查看。",
    "There is no merchant {number}.": "没有商户 {number}。",
    "{number} is another shop ({name}).": "{number} 是另一家商户（{name}）。",
    # timebank/people/persons.py
    "{number} cannot be a number: use 1 to 32 letters A-Z, digits, and . _ -": (
        "{number} 不能作编号：请用 1 到 32 个字母、数字或 . _ -"
    ),
    "{number} looks like a phone or identity number; use a number of the office's own.": (
        "{number} 像是电话或证件号码；请用社区自编的编号。"
    ),
    # timebank/positions.py
    "Repeat with --owe: points earned later repay what is missing.": "可加 --owe 重来：缺少的积分由以后所得补足。",
    "Take less, or wait until more has come in.": "请减少数量，或等有新的进账再办。",
    "{holder} has no account for {unit} ({purpose}).": "{holder} 没有{unit}（{purpose}）账户。",
    "{holder} has {there} {unit} {purpose}; {needed} are needed.": (
        "{holder} 的{unit}（{purpose}）只有 {there}，需要 {needed}。"
    ),
    "{missing} of the {amount} points were spent already.": "{amount} 分中有 {missing} 分已经用掉。",
    # timebank/redemption.py
    "A voucher is good once. Ask for another one.": "一张兑换券只能用一次，请另行申请。",
    "A voucher lives at least 1 day and at most {most}.": "兑换券的有效期最短 1 天，最长 {most} 天。",
    "Add for example --points 100.": "请补上，例如 --points 100。",
    "How many points shall the voucher hold?": "这张兑换券要用多少积分？",
    "Its points are back with the member, who can ask for a new one.": "积分已退回成员，可申请新券。",
    "Its points go back to the member, who can ask for a new one.": "积分将退回成员，可申请新券。",
    "Its slip says where it can be used.": "券面上写着可在哪家使用。",
    "Leave --days out for {days} days.": "去掉 --days 即为 {days} 天。",
    "Leave --points out.": "请去掉 --points。",
    "Look at the member with timebank member show {number}.": "请用 timebank member show {number} 查看该成员。",
    "Member {number} is not active.": "成员 {number} 不是正常状态。",
    "Offer {number} has a fixed price of {points} points.": "优待 {number} 定额使用 {points} 分。",
    "Take fewer points, or see what is held with timebank points balance {number}.": (
        "请少用一些积分，或用 timebank points balance {number} 查看冻结情况。"
    ),
    "Take more points.": "请多用一些积分。",
    "This voucher is for another shop.": "这张兑换券是别家商户的。",
    "To end it before, run timebank voucher void {number}.": "要提前结束，请执行 timebank voucher void {number}。",
    "Voucher {number} is good until {day}.": "兑换券 {number} 的有效期至 {day}（含当日）。",
    "Voucher {number} was good until {day}.": "兑换券 {number} 的有效期到 {day} 为止。",
    "Voucher {number} was used already, on {when}.": "兑换券 {number} 已于 {when} 用过。",
    "Voucher {number} was voided on {when}.": "兑换券 {number} 已于 {when} 作废。",
    "{number} has {there} points available; {needed} are needed.": "{number} 的可用积分为 {there}，需要 {needed}。",
    "{points} points take nothing off with offer {number}.": "{points} 分在优待 {number} 下不足以减免分文。",
    # timebank/rewards.py
    "a team's records earn nothing": "团队记录不计分",
    "as a team": "团队",
    "back-entered records earn nothing": "补录的记录不计分",
    "confirmed records earn nothing": "已确认的记录按规则不计分",
    "daily cap": "每日上限",
    "earns nothing more": "此前已计，本次不再计分",
    "How these points came about cannot be read: {part} is wrong.": "无法读取这笔积分的计算过程：{part} 有误。",
    "less than one unit of counting: earns nothing": "不足一个计时单位，不计分",
    "lifetime cap": "累计上限",
    "makes {amount}": "合 {amount}",
    "monthly cap": "每月上限",
    "not a whole unit yet: {time} go to the next service": "未满一个计时单位，{time}转入下次同类服务",
    "on a weekend": "周末",
    "self-reported records earn nothing": "自报的记录不计分",
    "shorter than {time}: earns nothing": "不足 {time}，不计分",
    "such records earn nothing": "此类记录不计分",
    "the {time} a day that count are reached: earns nothing": "当日已计满 {time}，不计分",
    "These points were worked out by engine {engine}, not {ours}.": (
        "这笔积分由第 {engine} 版计分程序算出，本程序为第 {ours} 版。"
    ),
    "Use the version of the program that made the entry.": "请使用记入该分录时的程序版本。",
    "with {time} left over from before": "加上次结余 {time}",
    "yearly cap": "每年上限",
    "{amount} above the {cap} of {limit} are not recorded": "超出{cap} {limit} 的 {amount}不予记入",
    "{amount} above the {cap} of {limit} go to the pool {pool}": "超出{cap} {limit} 的 {amount}以本人名义转入爱心池 {pool}",
    "{amount} recorded": "记 {amount}",
    "{amount} {unit}": "{amount} {unit}",
    "{before} → {after}": "{before} → {after}",
    "{hours} h": "{hours} 小时",
    "{hours} h {minutes} min": "{hours} 小时 {minutes} 分",
    "{left} left of the {time} a day that count": "每日最多计 {time}，当日还可计 {left}",
    "{minutes} min": "{minutes} 分钟",
    "{name} × {times} {result}": "{name} ×{times} {result}",
    "{time} counted × {rate} {result}": "计 {time} ×{rate} {result}",
    "{time} of service": "服务 {time}",
    "{time} were counted before": "扣除此前多计的 {time}",
    # timebank/rulebooks.py
    "Correct what is named and run timebank rules check FILE again.": "请改正列出的各项，再执行 timebank rules check 文件。",
    "Give the new text a new version; what was published stays.": "请给新文本用新的版本号；已发布的不再改动。",
    "Give the number of the minutes, for example --resolution 2026-7.": "请写会议纪要的编号，例如 --resolution 2026-7。",
    "Let it begin today or later, or give the reason with --retroactive REASON.": (
        "请从今天或以后开始施行，或用 --retroactive 写明追溯的原因。"
    ),
    "points.decimals is {given}; this community counts points with {own}, for ever.": (
        "points.decimals 为 {given}；本社区的积分小数位数为 {own}，不再更改。"
    ),
    "See timebank rules list.": "请看 timebank rules list。",
    "Set decimals = {own} in [points].": "请在 [points] 中写 decimals = {own}。",
    "The rule book begins on {day}, which has passed.": "规则自 {day} 起施行，这一天已经过去。",
    "There is no rule book {version}.": "没有版本为 {version} 的规则。",
    "This rule book has {count} mistakes.": "这份规则有 {count} 处错误。",
    "Version {version} was published with another text.": "版本 {version} 已发布过，但文本不同。",
    "{resolution} cannot be a resolution's number.": "{resolution} 不能作决议号。",
    # timebank/rulefile.py
    "a category's name must be a text of 1 to {most} characters, no space at its ends": (
        "类别名称须为 1 到 {most} 个字的文字，首尾不留空格"
    ),
    "a rule book has at most {limit} of these, got {got}": "一份规则最多 {limit} 个，现有 {got} 个",
    "all multipliers together must leave an hour at {limit} points or less": "各项倍数相乘后每小时不得超过 {limit} 分",
    "and {count} more mistakes": "另有 {count} 处错误",
    "can never be reached: {other} stops the member before": "永远达不到：{other} 会先封顶",
    "has no condition and applies to every service: a higher rate says the same": (
        "没有条件，对每次服务都生效：不如直接提高 [rate]"
    ),
    "is not a multiple of round_minutes: the last minutes of a full day are cut off or rounded up": (
        "不是 round_minutes 的整数倍：计满一天时，最后几分钟会被舍去或进位"
    ),
    "must be 1 to 20 of letters, digits, dot, _ and -": "须为 1 到 20 个字母、数字、点、_ 或 -",
    "must be 1 to 40 of a-z, 0-9 and -": "须为 1 到 40 个小写字母、数字或 -",
    "must be 1, the schema this version of the program reads": "须为 1，即本程序能读的规则格式",
    "must be an id of its own": "不得与其他 id 重复",
    "must be discard or pool:NAME, the name in a-z, 0-9 and -": "须为 discard 或 pool:名称，名称用小写字母、数字或 -",
    "must have either {one} or {other}, got both": "{one} 与 {other} 只能写一个，现在两个都写了",
    "must have either {one} or {other}, got neither": "{one} 与 {other} 须写一个，现在都没有写",
    "must not lie before effective_from": "不得早于 effective_from",
    "none of these days lies within the days of this rule book": "这些日期都不在本规则的施行期内",
    "points are no money; {word} sounds like it": "积分不是钱，“{word}”容易让人误解",
    "says {wanted}, the rules give {got}: {how}": "写明应得 {wanted}，按规则算得 {got}:{how}",
    "shares days with {other}, of the same group: only the larger one applies there": (
        "与同组的 {other} 日期重叠：重叠的日子只取较大的倍数"
    ),
    "the longest day of service": "一天的最长服务时长",
    "there are no examples: with a few, everybody can check what the rules mean": (
        "没有示例：写上几个，人人都能核对规则的意思"
    ),
    "{category} has no rate of its own in [rate]; is it spelled right?": "[rate] 中没有单列 {category}，请核对写法",
    "{day} lies outside the days of this rule book": "{day} 不在本规则的施行期内",
    # timebank/ruletext.py
    "a line has at most {limit} characters, got {got}": "每行最多 {limit} 个字符，此行有 {got} 个",
    "a list": "一个列表",
    "a rule book has at most {limit} bytes, this file has {got}": "规则文件最大 {limit} 字节，此文件有 {got} 字节",
    "a table": "一个表",
    'a text stands on one line, between " and "': '文字须写在一行内，用一对 " 括起',
    "is missing: every rule book has this section": "缺少此节：每份规则都必须有",
    "is missing: {wanted}": "缺少此项：{wanted}",
    "line {line} is not TOML: {why}": "第 {line} 行不符合 TOML 格式：{why}",
    "line {line} is not UTF-8 (GBK perhaps): save the file as UTF-8": (
        "第 {line} 行不是 UTF-8（可能是 GBK）:请将文件另存为 UTF-8"
    ),
    'must be a day "2027-10-01" or days "2027-10-01..2027-10-07" of the calendar, the first one first': (
        '须为实际存在的日期 "2027-10-01",或由先到后的一段 "2027-10-01..2027-10-07"'
    ),
    'must be a day of every year, like "12-31"': '须为每年都有的一天，如 "12-31"',
    "must be a day of the calendar without quotes, like 2027-01-31": "须为实际存在的日期，不加引号，如 2027-01-31",
    "must be a list of at least one, in [ ]": "须为至少有一项的列表，写在 [ ] 内",
    "must be a number from {low} to {high} with at most {places} decimals": "须为 {low} 到 {high} 的数，最多 {places} 位小数",
    "must be a table with keys": "须为含有各键的一节",
    "must be a text of 1 to {most} characters, no space at its ends": "须为 1 到 {most} 个字的文字，首尾不留空格",
    "must be a whole number from {low} to {high}": "须为 {low} 到 {high} 的整数",
    "must be one of {choices}": "须为以下之一：{choices}",
    "must be sections with two brackets, like [[{key}]]": "须写成双括号的节，如 [[{key}]]",
    "must be true or false": "须为 true 或 false",
    "nested deeper than any rule book is": "嵌套过深，规则文件没有这么多层",
    "there is no such key": "没有这个键",
    "there is no such key; the nearest is {near}": "没有这个键，最接近的是 {near}",
    "this is not a text in UTF-8 (UTF-16 or binary): save it as UTF-8": (
        "这不是 UTF-8 文本（可能是 UTF-16 或二进制文件）:请另存为 UTF-8"
    ),
    "{wanted}, got {got}": "{wanted}，现为 {got}",
    "{what} is a rule this version of the program cannot do yet": "{what} 这项规则本版程序暂不支持",
    # timebank/services.py
    "{number} served {span} on {day} already.": "{number} 在 {day} {span} 已有服务。",
    "{number} would have served {total} minutes on {day}.": "{number} 在 {day} 的服务将合计 {total} 分钟。",
    # timebank/settlement.py
    "Batch {number} is not what was drafted: its lines give another sum or hash.": (
        "批次 {number} 与起草时不符：各行的合计或哈希不同。"
    ),
    "Draft it first: timebank settlement draft {period}": "请先起草：timebank settlement draft {period}",
    "Export it with timebank settlement export {period}.": "可用 timebank settlement export {period} 导出。",
    "Nothing was approved. Run timebank audit.": "什么都没有批准。请执行 timebank audit。",
    "The settlement of {period} is approved already.": "{period} 的结算已经批准。",
    "There is nothing to approve for {period}.": "{period} 没有待批准的结算。",
    "Until then captures of the month may still arrive. Run it again on that day.": (
        "在此之前仍可能收到当月的核销。请到那天再执行。"
    ),
    "Who drafted a settlement cannot approve it.": "起草结算的人不能批准结算。",
    "{period} can be settled from {day} on.": "{period} 自 {day} 起可以结算。",
    # timebank/show.py
    "error": "错误",
    "hint": "提示",
    "warning": "提醒",
    # timebank/statement_files.py
    "These points are a token of thanks for public benefit. They are not money and no substitute for it; they cannot "
    "be bought, sold, cashed, given as change or bear interest, and serve only for benefits at designated merchants "
    "under the rules.": ("本积分为公益回馈凭证,不是人民币或代币票券,不可买卖、提现、找零或生息,仅在指定商户按规则享受优待。"),
    # timebank/statement_lines.py
    "Run timebank audit; it names what differs.": "请执行 timebank audit，查看哪里不一致。",
    "The lines of {holder} do not lead from its opening to its closing.": "{holder} 的明细与期初、期末余额对不上。",
    # timebank/statement_records.py
    "Name a month from {first} on.": "请指定 {first} 或之后的月份。",
    "Run timebank audit.": "请执行 timebank audit。",
    "The book begins with {first}; there is no {period} in it.": "账簿从 {first} 开始，没有 {period}。",
    "{holder} has lines in {period} but no account from that time.": "{holder} 在 {period} 有明细，但当时没有账户。",
    "{period} counts as closed, but its last entry does not close it.": "{period} 记为已月结，但其最后一笔分录不是月结分录。",
    # timebank/statement_words.py
    "Brought from earlier records": "由原有台账导入",
    "Closing; {minutes} minutes served so far": "期末；累计服务时长 {minutes} 分钟",
    "Credits for a contribution": "贡献发放社区币",
    "Credits turned into points": "社区币转换为积分",
    "From a pool": "爱心池发放",
    "Gift of points": "积分赠予",
    "Grant by the committee": "评审委员会补助",
    "Opening; {minutes} minutes served so far": "期初；累计服务时长 {minutes} 分钟",
    "Points lapsed": "积分到期失效",
    "Reimbursed": "补贴已拨付",
    "Service": "志愿服务",
    "Service: {category}": "志愿服务：{category}",
    "Takes back {entry}": "冲正 {entry}",
    "Voucher {number} issued: its points are on hold": "兑换券 {number} 发放，积分冻结",
    "Voucher {number} ran out: its points are back": "兑换券 {number} 过期，积分解冻退回",
    "Voucher {number} redeemed": "兑换券 {number} 核销",
    "Voucher {number} refunded": "兑换券 {number} 退回",
    "Voucher {number} voided: its points are back": "兑换券 {number} 作废，积分解冻退回",
    # timebank/statements.py
    "Close it on {day} or later.": "请在 {day} 或之后月结。",
    "Close {first} first.": "请先月结 {first}。",
    "These hours wait for a second person.": "这条服务时长还在等待第二人确认。",
    "{first} is still open; months are closed in order.": "{first} 尚未月结；月结须按月份顺序进行。",
    "{period} is not over; today is {today}.": "{period} 尚未结束；今天是 {today}。",
    "{points} points are on hold.": "有 {points} 积分处于冻结中。",
    # timebank/transparency.py
    "These data have no canonical bytes: {why}.": "这些数据没有规范的字节形式：{why}。",
    # timebank/vouchers.py
    "Compare it with the slip, character by character.": "请与券面逐字核对。",
    "See the numbers with timebank voucher list.": "编号可用 timebank voucher list 查看。",
    "There is no voucher with this code.": "没有券码相符的兑换券。",
    "There is no voucher {number}.": "没有兑换券 {number}。",
    # help of the commands
    "A code or number; or --due for all.": "券码或编号；或用 --due 处理全部到期的。",
    "A month, for example 2026-10.": "月份，例如 2026-10。",
    "A published version.": "已发布的版本。",
    "A volunteer time bank and community-points ledger that anyone can check.": (
        "人人可查验的志愿服务时间银行与社区积分账簿。"
    ),
    "Add an offer of a merchant: what points take off a bill there.": "设立商户优待：在该店积分可减免多少。",
    "All vouchers past their last day.": "所有已过有效期的兑换券。",
    "An entry, for example E000042.": "分录编号，例如 E000042。",
    "Another moment than now; for tests and demonstrations.": "另设当前时刻；只供测试和演示。",
    "Approve a month's batches as second person; an entry in the book binds each to its hash.": (
        "以第二人身份批准当月各批次；账簿中的分录锁定每批的哈希。"
    ),
    "Approve, as second person, what waits under a number.": "以第二人身份批准某个编号的待办。",
    "Approve, as second person, what waits under a number; it is then done at once.": (
        "以第二人身份批准某个编号的待办，批准后立即办理。"
    ),
    "At the end of this day; today if left out.": "截至这一天结束；不写则为今天。",
    "Bring the database to this program's revision, in one transaction.": "把数据库升级到本程序的结构版本，一次完成。",
    "Category of the rule book.": "规则中的服务类别。",
    "Check a rule book file: every mistake at once, its examples run, remarks printed.": (
        "检查规则文件：一次列出所有错误，逐个验算示例，并给出提醒。"
    ),
    "Clerk number, for example W0001.": "经办人编号，例如 W0001。",
    "Clerk number; the next free one if left out.": "经办人编号；不写则取下一个空号。",
    "Clerks: who may write into the book.": "经办人：谁可以记账。",
    "Close a month that is over. Two people. Its statements' root goes into the book; nothing changes it after.": (
        "月结一个已经过完的月份。须两人。对账单的根哈希写入账簿，此后不再变动。"
    ),
    "Community code, where there are several (TIMEBANK_COMMUNITY).": "社区代码，有几个社区时用（TIMEBANK_COMMUNITY）。",
    "Confirm a service that waits, as second person.": "以第二人身份确认待复核的服务。",
    "Contact; kept apart, never in the book.": "联系方式；另行存放，不入账簿。",
    "Control total: how many minutes in all.": "核对数：应有的总分钟数。",
    "Control total: how many rows the file must have.": "核对数：文件应有的行数。",
    "Correct a posted service: the old entry is reversed and a new one made. Two people.": (
        "更正已记入的服务：冲正旧分录，另记新分录。须两人。"
    ),
    "Database URL or SQLite file (TIMEBANK_DB).": "数据库地址或 SQLite 文件（TIMEBANK_DB）。",
    "Day of joining; today if left out.": "加入日期；不写则为今天。",
    "Decimals of points, 0 or 1; for ever.": "积分的小数位数，0 或 1；定后不改。",
    "discount: how much off, for example 10%.": "折扣：减免比例，例如 10%。",
    "discount: its price in points.": "折扣：使用多少积分。",
    "discount: the most in yuan, for example 20.00.": "折扣：最多减免多少元，例如 20.00。",
    "discount: the smallest bill in yuan.": "折扣：最低消费多少元。",
    "Do everything, show it, take it back.": "试运行：全部做一遍、显示结果，然后撤销。",
    "Explain in words how the points of an entry came about, from the entry alone.": (
        "用文字说明一笔分录的积分怎么算出，只凭分录本身。"
    ),
    "First and last day: 2026-01-01..2026-12-31.": "起止日期：2026-01-01..2026-12-31。",
    "First month of the book, to load history.": "账簿的首月，用于录入历史。",
    "Found a time bank: a database, a community, two clerks.": "建立时间银行：数据库、社区和两位经办人。",
    "Found a time bank: make the database, the community, and the clerks W0001 (you) and W0002.": (
        "建立时间银行：新建数据库、社区，以及经办人 W0001（您）和 W0002。"
    ),
    "Grid or compound.": "网格或小区。",
    "Hold a member's points for an offer and print the voucher; its code is shown this once.": (
        "为一项优待冻结成员的积分并发券；券码只显示这一次。"
    ),
    "Hours of service: record, import, approve, correct.": "服务时长：登记、导入、确认、更正。",
    "How it is known: confirmed, self-reported, back-entered, team.": (
        "记录类型：confirmed 已确认、self-reported 自报、back-entered 补录、team 团队。"
    ),
    "How long: 90, 1.5小时, 1:30 or 14:00-15:30.": "时长：90、1.5小时、1:30 或 14:00-15:30。",
    "How many days it lives; 30 if left out.": "有效天数；不写则为 30。",
    "How many points to hold; a discount has a fixed price.": "冻结多少积分；折扣类为定额，不用写。",
    "How many served together.": "一同服务的人数。",
    "Idempotency key; the same key never counts twice.": "命令键；同一个键绝不重复计入。",
    "Install completion for the current shell.": "为当前终端安装命令补全。",
    "Language of the header rows; that of the command if left out.": "表头的语言；不写则与命令相同。",
    "Language, zh or en (TIMEBANK_LANG, else the locale).": "语言，zh 或 en（TIMEBANK_LANG，否则按系统设置）。",
    "Let points spent meanwhile be owed.": "已用掉的积分记为欠分。",
    "List a member's vouchers, or all that are open; only the last four characters of a code are ever shown.": (
        "列出一位成员的兑换券，或所有待使用的；券码只显示后四位。"
    ),
    "List a month's batches.": "列出当月的批次。",
    "List all clerks.": "列出所有经办人。",
    "List all merchants.": "列出所有商户。",
    "List all offers in words, with their validity.": "列出所有优待的内容和有效期。",
    "List members with masked names.": "列出成员，姓名打码。",
    "List published rule books.": "列出已发布的规则。",
    "List services by day, with their numbers.": "按日期列出服务记录及其编号。",
    "List what waits for a second person, oldest first; whoever asked cannot approve it.": (
        "列出等待第二人批准的事项，先到的在前；提交人不能自己批准。"
    ),
    "List what waits for a second person.": "列出等待第二人批准的事项。",
    "Live a sample community's year through the real commands.": "用真实的命令走完示例社区的一年。",
    "Member number, for example M0012.": "成员编号，例如 M0012。",
    "Member number; the next free one if left out.": "成员编号；不写则取下一个空号。",
    "Members: volunteers and residents.": "成员：志愿者和居民。",
    "Merchant number, for example S001.": "商户编号，例如 S001。",
    "Merchant number; the next free one if left out.": "商户编号；不写则取下一个空号。",
    "Merchants: designated shops.": "商户：指定的店家。",
    "Name of the activity.": "活动名称。",
    "Name of the community's own unit of credits.": "社区币（贡献分）的名称。",
    "No colour (NO_COLOR).": "不用颜色（NO_COLOR）。",
    "No remarks, no progress.": "不显示说明和进度。",
    "Number of the activity.": "活动编号。",
    "Number of the committee's resolution.": "评审委员会的决议号。",
    "Number of the offer, see timebank offer list.": "优待编号，见 timebank offer list。",
    "Number of the paper record.": "纸质记录的单号。",
    "Offers: what merchants give for points.": "优待：商户凭积分给什么。",
    "offset: how many points take one yuan off.": "抵扣：多少积分抵 1 元。",
    "offset: points for yuan; discount: a share of the bill.": "offset 抵扣：积分抵金额；discount 折扣：按账单比例减免。",
    "offset: the most of a bill, for example 50%.": "抵扣：最多占账单的比例，例如 50%。",
    "One JSON document on stdout.": "在标准输出给出一份 JSON。",
    "Only list what is still waiting or held; close nothing.": "只列出还在等待或冻结的，不月结。",
    "Only these checks, for example I5.": "只做这些检查项，例如 I5。",
    "Only this grid.": "只看这个网格。",
    "Only this member.": "只看这位成员。",
    "Only this state: waiting, posted, rejected, reversed.": (
        "只看此状态：waiting 待复核、posted 已记入、rejected 未通过、reversed 已冲正。"
    ),
    "Phone; kept apart, never in the book.": "电话；另行存放，不入账簿。",
    "Points: what a member has.": "积分：成员有多少。",
    "Post the good rows even if others are wrong.": "即使有的行有误，也记入正确的行。",
    "Print the text of a published rule book as it was published.": "原样显示已发布规则的文本。",
    "Publish a rule book by a resolution. Two people. What is published is never changed.": (
        "凭决议发布规则。须两人。发布后不再改动。"
    ),
    "Put every redeemed voucher of a month that is in no batch yet into a batch, one a merchant.": (
        "把当月已核销、尚未编入批次的兑换券编成批次，每家商户一批。"
    ),
    "Recompute everything from the journal and compare.": "从账簿重新计算一切并比对。",
    "Recompute the whole book from its entries and compare it with all the database says; takes no lock, changes nothing.": (
        "从分录重新计算整本账，并与数据库的一切比对；不加锁，不作任何改动。"
    ),
    "Record one service of one member; the rule book turns it into points.": "登记一位成员的一次服务，按规则计分。",
    "Record the services of a sheet: ref, date, member_no, minutes or start and end, category, activity, place.": (
        "按签到表登记服务：单号、日期、成员编号、时长或开始与结束、类别、活动、地点。"
    ),
    "Redeem a voucher at its merchant's counter, once; the receipt shows the arithmetic.": (
        "在商户柜台核销兑换券，只能一次；回执写明计算过程。"
    ),
    "Register a clerk; one who also volunteers never confirms hours of their own.": (
        "登记经办人；兼做志愿者的，不得确认自己的服务时长。"
    ),
    "Register a designated shop, active at once.": "登记指定商户，即时生效。",
    "Register a member and open the accounts for minutes, points and credits.": "登记成员，并开立时长、积分和社区币账户。",
    "Register the people of a sheet: member_no, name, joined_on, grid, phone (Chinese or English headers).": (
        "按表登记成员：成员编号、姓名、加入日期、网格、电话（中英文列名均可）。"
    ),
    "Register the shops of a sheet: merchant_no, name, category, contact (Chinese or English headers).": (
        "按表登记商户：商户编号、名称、类别、联系方式（中英文列名均可）。"
    ),
    "Release vouchers past their last day: their points go back to the members.": "释放已过有效期的兑换券：积分退回成员。",
    "Rule books: check, publish, explain.": "规则：检查、发布、解释。",
    "sample: an invented Chinese community; leeds2023: a real year.": "sample：虚构的社区；leeds2023：一整年的真实记录。",
    "Settlement: merchants' monthly claims.": "结算：商户每月的补贴申领。",
    "Show a voucher and what became of it.": "显示一张兑换券及其去向。",
    "Show completion for the current shell, to copy it or customize the installation.": (
        "显示当前终端的命令补全脚本，可复制或自行安装。"
    ),
    "Show one clerk.": "显示一位经办人。",
    "Show one member: masked name, joining, minutes and points.": "显示一位成员：打码的姓名、加入日期、服务分钟和积分。",
    "Show one merchant.": "显示一家商户。",
    "Show the version.": "显示版本。",
    "Show this message and exit.": "显示本说明。",
    "Show versions, the database, and what is worth knowing about both.": "显示版本、数据库及须知事项。",
    "Show versions, where the database is, how durable it is, and what is worth a warning.": (
        "显示版本、数据库在哪里、是否牢靠，以及值得提醒的事。"
    ),
    "Show what a member has: points by the day they lapse, minutes served, credits.": (
        "显示成员现有的积分（按失效日）、服务分钟和社区币。"
    ),
    "Show what every command says, also in the quiet months.": "显示每条命令的输出，略过的月份也不例外。",
    "Show which revision the database is at and which one this program needs.": "显示数据库的结构版本和本程序所需的版本。",
    "Statements: close a month, write its files.": "对账单：月结并写出文件。",
    "Tell a merchant whether a voucher is good there; changes nothing.": "告诉商户兑换券在该店可否使用；不作任何改动。",
    "The clerk who acts (TIMEBANK_CLERK; W0001).": "操作的经办人（TIMEBANK_CLERK；默认 W0001）。",
    "The clerk's name.": "经办人姓名。",
    "The community's name, as printed.": "社区名称，用于打印。",
    "The database's schema: status and upgrade.": "数据库结构：查看与升级。",
    "The day, for example 2026-10-03.": "日期，例如 2026-10-03。",
    "The demo's folder; it is made. An older demo there is replaced.": "演示所用的文件夹，没有就新建；里面旧的演示会被替换。",
    "The file to read.": "要读取的文件。",
    "The folder to write into; it is made.": "写入的文件夹；没有则新建。",
    "The member this clerk also is, if any.": "此人若也是成员，写其成员编号。",
    "The member's name.": "成员姓名。",
    "The number shown in the list.": "列表中的编号。",
    "The reason.": "原因。",
    "The right minutes; 0 takes the service back.": "正确的分钟数；0 表示撤回这次服务。",
    "The second person, by clerk number.": "第二人的经办人编号。",
    "The shop's public name.": "店家的对外名称。",
    "The voucher's code as printed, or its number (V9).": "券面上的券码，或兑换券编号（V9）。",
    "The voucher's code as printed.": "券面上的券码。",
    "The whole bill in yuan, for example 86.00.": "账单全额（元），例如 86.00。",
    "Time zone in which days and months end.": "划分日与月所用的时区。",
    "Turn down a service that waits.": "驳回待复核的服务。",
    "Turn down what waits under a number, with the reason.": "驳回某个编号的待办，并写明原因。",
    "Void an open voucher: its points go back to the member, the fund's commitment to the fund.": (
        "作废未使用的兑换券：积分退回成员，预留资金退回基金。"
    ),
    "Vouchers: issue, verify, redeem.": "兑换券：发券、查验、核销。",
    "What kind of shop.": "店家类别。",
    "When it began, for example 14:00.": "开始时间，例如 14:00。",
    "When it ended, for example 15:30.": "结束时间，例如 15:30。",
    "Where it was.": "服务地点。",
    "Why it begins in the past, if it does.": "若追溯施行，写明原因。",
    "Why; kept beside the entry.": "原因，与分录一并保存。",
    "Write a month's claim list: one row a batch, each with its hash and that of the batch before.": (
        "写出当月的补贴申领表：每批一行，含本批和上一批的哈希。"
    ),
    "Write a month's files: members, lines, merchants, totals, one file a member and a shop, and a manifest with hashes.": (
        "写出一个月的文件：成员、明细、商户、合计，每位成员、每家商户各一份，以及附哈希的清单。"
    ),
    "Write the wrong rows with their reasons here.": "把有误的行连同原因写入此文件。",
}
